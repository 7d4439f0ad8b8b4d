/** @file Which rows share a batch: those of similar length, so that little is padding. */
import type { Padding } from './padding.js';

/**
 * Indices of the rows of each batch. The longest come first: what does not fit into memory shows at once, and later
 * batches fit into what the first has claimed.
 */
export function batchesOf(
  lengths: readonly number[],
  { batchSize, padding }: { batchSize: number; padding: Padding },
): number[][] {
  const order = lengths.map((_, row) => row).sort((a, b) => lengths[b]! - lengths[a]! || a - b);
  const batches: number[][] = [];
  for (const row of order) {
    const batch = batches.at(-1);
    const fits = batch !== undefined && batch.length < batchSize;
    if (fits && (padding !== 'none' || lengths[batch[0]!] === lengths[row])) batch.push(row);
    else batches.push([row]);
  }
  return batches;
}
