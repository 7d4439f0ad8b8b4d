/** @file What `evaluate` leaves, as others read it. */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { Artifact } from '../store/store.js';

export const evaluationSchema = z.object({
  correct: z.int(),
  total: z.int(),
  /** Test accuracy along the fine-tuning, from predictions made then. */
  trajectory: z.array(z.object({ step: z.int(), accuracy: z.number() })),
  /** Loss along the fine-tuning. */
  training: z.array(z.object({ step: z.int(), loss: z.number() })),
});

export type Evaluation = z.infer<typeof evaluationSchema>;

export const evaluationFile = 'evaluation.json';

/** Reads an artifact of `evaluate`. */
export async function readEvaluation(artifact: Artifact): Promise<Evaluation> {
  return evaluationSchema.parse(JSON.parse(await readFile(artifact.path(evaluationFile), 'utf8')));
}
