/** @file Learning-rate schedules, computed in the graph from the step number. */
import type { Value } from './graph.js';
import { add, cos, div, less, max, mul, sub, where } from './operators/index.js';

/** `warmup` steps of linear rise, then constant, or down to zero along a line or half a cosine. */
export interface Schedule {
  readonly kind: 'constant' | 'linear' | 'cosine';
  readonly warmup: number;
  /**
   * Where the rise begins. `first`, the default: the first step already changes something, and step `warmup` is the
   * first at the full rate after a step at the full rate. `zero`: as transformers' get_*_schedule_with_warmup, whose
   * first step has the rate 0.
   */
  readonly warmupFrom?: 'first' | 'zero';
}

/**
 * The factor by which the learning rate is multiplied at step t of `steps` (0 ≤ t < steps):
 * (t + 1) / warmup (from zero: t / warmup) while t < warmup; then, with u = (t − warmup) / (steps − warmup),
 * 1, 1 − u, or (1 + cos πu) / 2. From there on it is what transformers' schedules are, with its half cycle of cosine.
 *
 * @param step float64 scalar
 */
export function scheduleFactor(step: Value, schedule: Schedule, steps: number): Value {
  const { kind, warmup, warmupFrom = 'first' } = schedule;
  const progress = div(sub(step, warmup), Math.max(1, steps - warmup));
  const decays = {
    constant: () => step.graph.scalar(1, step.dtype),
    linear: () => sub(1, progress),
    cosine: () => mul(add(cos(mul(progress, Math.PI)), 1), 0.5),
  };
  const decayed = decays[kind]();
  if (warmup === 0) return decayed;
  const risen = warmupFrom === 'first' ? add(step, 1) : step;
  return where(less(step, step.graph.scalar(warmup, step.dtype)), div(risen, warmup), max(decayed, 0));
}
