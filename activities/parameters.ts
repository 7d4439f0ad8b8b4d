/** @file Reading a stage's parameters: what the plan left out because it equals a default comes back here. */
import type { z } from 'zod';
import type { Stage } from '../plan/stage.js';

/** The stage's parameters, checked. A mismatch is a fault of Temper, not of the user. */
export function parametersOf<T>(stage: Stage, schema: z.ZodType<T>): T {
  const parsed = schema.safeParse(stage.params);
  if (parsed.success) return parsed.data;
  throw new TypeError(
    `${stage.title} (${stage.kind} ${stage.key}) was planned with unusable parameters: ${parsed.error.message}`,
  );
}
