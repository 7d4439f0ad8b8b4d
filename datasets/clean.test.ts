import { describe, expect, test } from 'vitest';
import { clean, type LabelledText } from './clean.js';

function rows(...pairs: [text: string, label: string][]): LabelledText[] {
  return pairs.map(([text, label], i) => ({ id: `row-${i + 1}`, text, label }));
}

const mixed = rows(
  ['b', 'x'],
  ['a', 'x'],
  ['', ''],
  ['b', 'x'],
  ['c', 'x'],
  ['c', 'y'],
  ['c', 'x'],
  ['d', 'x'],
  ['d', 'y'],
);

describe('clean', () => {
  test('keeps each text once, by its first row, sorted by text', () => {
    expect(clean(mixed, 'drop').kept).toEqual([
      { id: 'row-2', text: 'a', label: 'x' },
      { id: 'row-1', text: 'b', label: 'x' },
    ]);
  });

  test('counts what it found: every row is kept, empty, a duplicate or in conflict', () => {
    const { kept, ...counts } = clean(mixed, 'drop');
    expect(counts).toEqual({
      emptyTexts: 1,
      uniqueTexts: 5,
      duplicateRows: 1,
      textsInConflict: 2,
      rowsInConflict: 5,
    });
    expect(kept.length + counts.emptyTexts + counts.duplicateRows + counts.rowsInConflict).toBe(mixed.length);
  });

  test('can settle a conflict by majority, but not a tie', () => {
    expect(clean(mixed, 'majority').kept).toContainEqual({ id: 'row-5', text: 'c', label: 'x' });
    expect(clean(mixed, 'majority').kept.map(({ text }) => text)).toEqual(['a', 'b', 'c']);
  });
});
