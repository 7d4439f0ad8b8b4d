/** @file Warm-ups: how a term of a loss rises from nothing to its whole weight over the first steps. */
import { z } from 'zod';
import type { Graph, Value } from '../../onnx/graph.js';
import { min, mul } from '../../onnx/operators/index.js';
import { type LossParameters, numberIn } from './parameters.js';

/** Where a training stands. */
export interface Progress {
  readonly graph: Graph;
  /** step / steps, in [0, 1); scalar. */
  readonly progress: Value;
  readonly steps: number;
}

/** The length of a warm-up in steps, as in EleutherAI/w2s; in a sweep beside `warmup`, its length as a share. */
export const warmupSteps = z
  .int()
  .min(0)
  .optional()
  .describe('the same as a number of steps; where it is given, `warmup` does not count');

/** What of a warm-up belongs into a loss's choice: its length, in the one way that counts. */
export function warmUpChoice(asked: { warmup: number; 'warmup-steps'?: number | undefined }): LossParameters {
  const steps = asked['warmup-steps'];
  return steps === undefined ? { warmup: asked.warmup } : { 'warmup-steps': steps };
}

/** `weight`, reached linearly from 0 over `warmup` (a share of the steps) or `warmup-steps`; scalar. */
export function warmedUp({ graph, progress, steps }: Progress, weight: number, parameters: LossParameters) {
  const share =
    parameters['warmup-steps'] === undefined
      ? numberIn(parameters, 'warmup')
      : numberIn(parameters, 'warmup-steps') / steps;
  if (share === 0) return graph.scalar(weight);
  return mul(min(mul(progress, 1 / share), 1), weight);
}
