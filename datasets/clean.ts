/** @file From labelled rows to different texts with one label each: duplicates, conflicts and empty texts. */

export interface LabelledText {
  id: string;
  /** Trimmed. */
  text: string;
  label: string;
}

export interface Cleaned<T extends LabelledText = LabelledText> {
  /** Each text once, sorted by text: nothing downstream depends on the order of the file's rows. */
  kept: T[];
  emptyTexts: number;
  uniqueTexts: number;
  /** Rows beyond the first of a text whose labels agree. */
  duplicateRows: number;
  textsInConflict: number;
  rowsInConflict: number;
}

/**
 * Collapses rows with the same text. Where their labels differ, 'drop' removes the text and 'majority' gives it the
 * most frequent label, and removes it on a tie. What else belongs to a text, its id for one, is that of `choose`;
 * default: its first row.
 */
export function clean<T extends LabelledText>(
  rows: Iterable<T>,
  conflicting: 'drop' | 'majority',
  choose: (same: readonly T[]) => T = (same) => same[0] as T,
): Cleaned<T> {
  const byText = new Map<string, T[]>();
  for (const row of rows) {
    const same = byText.get(row.text);
    if (same === undefined) byText.set(row.text, [row]);
    else same.push(row);
  }
  const result: Cleaned<T> = {
    kept: [],
    emptyTexts: byText.get('')?.length ?? 0,
    uniqueTexts: byText.size,
    duplicateRows: 0,
    textsInConflict: 0,
    rowsInConflict: 0,
  };
  byText.delete('');
  for (const [, same] of [...byText].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const first = choose(same);
    const votes = countBy(same.map(({ label }) => label));
    if (votes.size === 1) {
      result.duplicateRows += same.length - 1;
      result.kept.push(first);
      continue;
    }
    result.textsInConflict++;
    result.rowsInConflict += same.length;
    const winner = conflicting === 'majority' ? mostFrequent(votes) : undefined;
    if (winner !== undefined) result.kept.push({ ...first, label: winner });
  }
  return result;
}

/** How often each value occurs. */
export function countBy(values: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}

function mostFrequent(votes: Map<string, number>): string | undefined {
  const most = Math.max(...votes.values());
  const winners = [...votes].filter(([, count]) => count === most);
  return winners.length === 1 ? winners[0]?.[0] : undefined;
}
