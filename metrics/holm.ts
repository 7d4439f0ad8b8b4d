/** @file Several comparisons at once: p values corrected so that one false finding among all is as rare as in one. */

/**
 * Holm's step-down correction (Holm 1979), valid whatever the dependence: with the p values in order, the k-th of m is
 * multiplied by m − k + 1, made no smaller than those before it, and cut off at 1. In the order of the input.
 */
export function holm(values: readonly number[]): number[] {
  const order = values.map((_, index) => index).sort((a, b) => values[a]! - values[b]!);
  const adjusted = new Array<number>(values.length);
  let largest = 0;
  order.forEach((index, rank) => {
    largest = Math.max(largest, Math.min(1, values[index]! * (values.length - rank)));
    adjusted[index] = largest;
  });
  return adjusted;
}
