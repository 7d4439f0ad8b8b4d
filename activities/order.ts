/** @file The order in which training sees its rows: epoch after epoch, each shuffled, batches across their ends. */
import { Random } from '../base/random.js';

/**
 * The rows of batch `step`. A function of the step alone: nothing about the data has to be in a checkpoint, and
 * every batch is full, whatever the number of rows.
 */
export function epochOrder(
  rows: number,
  batch: number,
  seed: number,
  purpose: string,
): (step: number) => number[] {
  if (rows === 0) throw new RangeError('there is nothing to train on');
  const indices = Array.from({ length: rows }, (_, index) => index);
  const epochs = new Map<number, number[]>();
  const orderOf = (epoch: number): number[] => {
    let order = epochs.get(epoch);
    if (order === undefined) {
      order = Random.of(seed, purpose, 'epoch', epoch).shuffled(indices);
      epochs.set(epoch, order);
      // Batches touch an epoch and its successor; earlier ones are past.
      epochs.delete(epoch - 2);
    }
    return order;
  };
  return (step) =>
    Array.from({ length: batch }, (_, index) => {
      const position = step * batch + index;
      return orderOf(Math.floor(position / rows))[position % rows]!;
    });
}
