/** @file How many of n items each split gets, from fractions and counts. */
import { splits, type Split } from './task.js';

/** Below 1: a share of all items. From 1: a number of items. */
export type SplitSizes = Record<Split, number>;

/**
 * Numbers of items: counts as they are, fractions rounded so that splits which share everything leave nothing over.
 * Throws a RangeError where they ask for more than there is, or a share is of too few to hold one.
 */
export function splitCounts(total: number, sizes: SplitSizes): Record<Split, number> {
  const counts = { ...sizes };
  let share = 0;
  let given = 0;
  for (const split of splits) {
    if (sizes[split] >= 1) continue;
    share += sizes[split];
    // Rounding where the shares meet, and not each share, makes them add up; 1e-9 forgives 0.1 + 0.2.
    const upTo = Math.min(total, Math.round(share * total + 1e-9));
    counts[split] = upTo - given;
    given = upTo;
  }
  const needed = splits.reduce((sum, split) => sum + counts[split], 0);
  if (needed > total) {
    const wanted = splits.map((split) => `${split} ${counts[split]}`).join(', ');
    throw new RangeError(`the splits need ${needed} texts (${wanted}), and there are ${total}`);
  }
  const empty = splits.find((split) => sizes[split] > 0 && counts[split] === 0);
  if (empty !== undefined) throw new RangeError(`of ${total} texts, none is left for split ${empty}`);
  return counts;
}
