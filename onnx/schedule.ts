/** @file Learning-rate schedules, computed in the graph from the step number. */
import type { Value } from './graph.js';
import { add, cos, div, less, max, mul, sub, where } from './operators/index.js';

/** `warmup` steps of linear rise, then constant, or down to zero along a line or half a cosine. */
export interface Schedule {
  readonly kind: 'constant' | 'linear' | 'cosine';
  readonly warmup: number;
}

/**
 * The factor by which the learning rate is multiplied at step t of `steps` (0 ≤ t < steps):
 * (t + 1) / warmup while t < warmup; then, with u = (t − warmup) / (steps − warmup),
 * 1, 1 − u, or (1 + cos πu) / 2.
 *
 * @param step float64 scalar
 */
export function scheduleFactor(step: Value, { kind, warmup }: Schedule, steps: number): Value {
  const progress = div(sub(step, warmup), Math.max(1, steps - warmup));
  const decays = {
    constant: () => step.graph.scalar(1, step.dtype),
    linear: () => sub(1, progress),
    cosine: () => mul(add(cos(mul(progress, Math.PI)), 1), 0.5),
  };
  const decayed = decays[kind]();
  if (warmup === 0) return decayed;
  return where(less(step, step.graph.scalar(warmup, step.dtype)), div(add(step, 1), warmup), max(decayed, 0));
}
