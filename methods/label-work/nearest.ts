/** @file k nearest neighbours: the mean of the targets of the k rows that lie closest. */
import { UserError } from '../../base/errors.js';
import { mean } from './distributions.js';

type Row = ArrayLike<number>;

/**
 * For each row, the mean target of the `k` rows nearest to it by Euclidean distance, itself among them (as in
 * EleutherAI/w2s, w2s/probe.py: the probe answers for the rows that it was fitted on). Of rows equally far away the
 * first ones count.
 *
 * @param rows n rows of d activations
 * @param targets n distributions
 * @throws UserError where there are fewer than `k` rows
 */
export function nearestNeighbours(rows: readonly Row[], targets: readonly number[][], k: number): number[][] {
  if (rows.length < k) {
    throw new UserError(
      `the mean of ${k} nearest neighbours needs ${k} labelled items, and there are ${rows.length}. ` +
        `Ask for fewer neighbours (k: ${Math.max(1, Math.floor(rows.length / 4))}), or for a larger split B.`,
    );
  }
  const distances = new Float64Array(rows.length);
  return rows.map((row) => {
    for (let other = 0; other < rows.length; other++) distances[other] = squaredDistance(row, rows[other]!);
    const order = Uint32Array.from(rows, (_, index) => index).sort(
      (a, b) => distances[a]! - distances[b]! || a - b,
    );
    return mean(Array.from(order.subarray(0, k), (index) => targets[index]!));
  });
}

function squaredDistance(a: Row, b: Row): number {
  let sum = 0;
  for (let index = 0; index < a.length; index++) {
    const difference = a[index]! - b[index]!;
    sum += difference * difference;
  }
  return sum;
}
