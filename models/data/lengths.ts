/** @file The few lengths that rows are padded to: a graph is built for each. */

/** Graphs of a training at most: each takes time to build and memory to hold. */
const lengthsAtMost = 6;
/** Lengths that vector units like. */
const finest = 8;

/**
 * Lengths, ascending, so that every row fits one of them: multiples of 8, or of 16, 32, … where there would be too many.
 * Rows of one length are not padded at all.
 *
 * @param context longer than this is never padded to: the model has no positions for it
 */
export function paddedLengths(lengths: Iterable<number>, context: number): number[] {
  const distinct = [...new Set(lengths)].sort((a, b) => a - b);
  if (distinct.length <= 1) return distinct;
  for (let multiple = finest; ; multiple *= 2) {
    const padded = distinct.map((length) => Math.min(context, Math.ceil(length / multiple) * multiple));
    const few = [...new Set(padded)];
    if (few.length <= lengthsAtMost) return few;
  }
}

/** The shortest of `available` (ascending) that holds rows of `length`. */
export function lengthFor(available: readonly number[], length: number): number {
  const found = available.find((candidate) => candidate >= length);
  if (found === undefined) throw new RangeError(`no graph holds rows of ${length} tokens`);
  return found;
}
