import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { UserError } from '../base/errors.js';
import { difficultyOf, mostHeldOut, place, withoutStandardSizes, type Placeable } from './placing.js';
import { pools, type Pool } from './source.js';
import { splits } from './task.js';

const text = (i: number, pool: Pool = 'train', label = i % 2 ? 'b' : 'a'): Placeable => ({
  id: `row-${i}`,
  text: `text ${String(i).padStart(4, '0')}`,
  label,
  pool,
  difficulty: i,
});
const texts = (count: number, pool?: Pool) => Array.from({ length: count }, (_, i) => text(i, pool));
const at = { seed: 0, purpose: 'test', where: 'data.csv' };

describe('splits', () => {
  test('hold every text at most once, whatever was published how', () => {
    const drawn = fc.array(fc.record({ pool: fc.constantFrom(...pools), label: fc.constantFrom('a', 'b') }), {
      maxLength: 60,
    });
    const settings = fc.record(
      {
        limit: fc.integer({ min: 30, max: 200 }),
        difficulty: fc.constant('hard'),
        balance: fc.constant('undersample' as const),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(drawn, settings, fc.nat(9), (rows, given, seed) => {
        const kept = [...texts(40), ...rows.map(({ pool, label }, i) => text(40 + i, pool, label))];
        let placed;
        try {
          placed = place(kept, { splits: {}, ...given }, { ...at, seed });
        } catch (error) {
          if (!(error instanceof UserError)) throw error;
          return;
        }
        const all = splits.flatMap((split) => placed.texts[split]);
        expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
        for (const split of splits)
          for (const { pool } of placed.texts[split]) expect([split, 'train']).toContain(pool);
        const {
          'left out by balance': balance,
          'left out by limit': limit,
          'in no split': over,
        } = placed.counts;
        expect(all.length + balance! + limit! + over!).toBe(kept.length);
      }),
      { numRuns: 200 },
    );
  });

  test('that were published are used whole; the others share the rest as they usually do', () => {
    const kept = [...texts(80), ...Array.from({ length: 15 }, (_, i) => text(100 + i, 'test'))];
    expect(place(kept, { splits: {} }, at).counts).toMatchObject({ A: 30, B: 40, validation: 10, test: 15 });
    expect(place(kept, { splits: { A: 20, B: 0.5, test: 5 } }, at).counts).toMatchObject({
      A: 20,
      B: 40,
      test: 5,
    });
  });

  test('may all be published: then validation stays empty', () => {
    const kept = (['A', 'B', 'test'] as const).flatMap((pool, k) =>
      Array.from({ length: 5 }, (_, i) => text(10 * k + i, pool)),
    );
    expect(place(kept, { splits: {} }, at).counts).toMatchObject({ A: 5, B: 5, validation: 0, test: 5 });
  });

  test('that ask for more than there is are refused', () => {
    const kept = [...texts(10), text(20, 'test')];
    expect(() => place(kept, { splits: { test: 2 } }, at)).toThrow(
      'data.csv: split test needs 2 texts, and 1 were published for it',
    );
    expect(() => place(kept, { splits: { A: 8, B: 8 } }, at)).toThrow('data.csv: the splits need 17 texts');
    expect(() => place(kept, { splits: { A: 0.9, B: 0.3 } }, at)).toThrow('the shares add up to');
  });
});

describe('easy to hard', () => {
  test('A has the easiest, the others the hardest, and what is left lies between', () => {
    const { texts: placed, notes } = place(
      texts(100),
      { splits: { A: 20, B: 20, validation: 5, test: 10 }, difficulty: 'level' },
      at,
    );
    const range = (split: (typeof splits)[number]) => placed[split].map(({ difficulty }) => difficulty);
    expect([...range('A')].sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i));
    for (const split of ['B', 'validation', 'test'] as const)
      expect(Math.min(...range(split))).toBeGreaterThanOrEqual(65);
    expect(notes[0]).toMatch(/^Easy to hard by "level": A 0 to 19, B \d+ to \d+/);
    // B and test are drawn alike from the hard end: neither has the harder ones.
    const mean = (values: number[]) => values.reduce((a, b) => a + b) / values.length;
    expect(Math.abs(mean(range('B')) - mean(range('test')))).toBeLessThan(12);
  });

  test('ties are drawn from the seed', () => {
    const same = texts(60).map((each) => ({ ...each, difficulty: 1 }));
    const idsOf = (seed: number) =>
      place(same, { splits: {}, difficulty: 'x' }, { ...at, seed }).texts.A.map(({ id }) => id);
    expect(idsOf(1)).not.toEqual(idsOf(2));
    expect(idsOf(1)).toEqual(idsOf(1));
  });

  test.each([
    [3, 3],
    ['4.5', 4.5],
    ['Level 5', 5],
    [7n, 7],
  ])('number %# says how hard', (value, expected) => {
    expect(difficultyOf(value, 'here')).toBe(expected);
  });

  test.each([null, '', 'hard', 'Level ?', [1], NaN])('%j says nothing', (value) => {
    expect(() => difficultyOf(value, 'data.csv, line 3, column "level"')).toThrow(
      'data.csv, line 3, column "level": expected a number that says how hard the text is',
    );
  });
});

test('undersampling names the class that nobody has', () => {
  const kept = [...texts(20), text(30, 'test', 'a')];
  expect(() => place(kept, { splits: {}, balance: 'undersample' }, at)).toThrow(
    'balance: undersample leaves nothing, since no text of test has class "b"',
  );
});

test('of the same text in several published splits, the most held-out one stays', () => {
  expect(mostHeldOut([text(1, 'B'), text(1, 'test'), text(1, 'train')]).pool).toBe('test');
});

test('sizes that go without saying are not told apart from those that are said', () => {
  expect(withoutStandardSizes({ A: 0.3, B: 0.5 }, new Set())).toEqual({ B: 0.5 });
  expect(withoutStandardSizes({ A: 0.375 }, new Set(['test']))).toEqual({});
});
