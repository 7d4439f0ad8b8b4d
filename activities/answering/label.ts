/** @file From probabilities to a label. */
import type { Label } from '../../datasets/task.js';

/** The first of the highest. */
export function argMax(values: readonly number[]): number {
  let best = 0;
  values.forEach((value, index) => {
    if (value > values[best]!) best = index;
  });
  return best;
}

export function labelOf(id: string, probabilities: number[]): Label {
  return { id, label: argMax(probabilities), probabilities };
}

/** All of one's belief in one choice. */
export function oneHot(label: number, choices: number): number[] {
  return Array.from({ length: choices }, (_, index) => (index === label ? 1 : 0));
}
