/** @file Paired comparisons against SciPy; the numbers come from fixtures/comparisons.py. */
import { describe, expect, test } from 'vitest';
import { Random } from '../base/random.js';
import { compare } from './comparison.js';
import type { CellValues } from './components.js';
import { holm } from './holm.js';

const cellsOf = (values: readonly number[]): CellValues[] =>
  values.map((value, seed) => ({ values: [value], levels: { seed: String(seed) } }));

describe('compare', () => {
  const found = compare(
    [
      [0.02, 0.05, 0.03, 0.04, 0.01],
      [0.02, -0.03, 0.01, 0.05, -0.02],
      [-0.04, -0.05, -0.02, -0.06, -0.05],
    ].map(cellsOf),
  );

  test('gives the p values of paired t tests, corrected by Holm', () => {
    expect(found[0]!.p).toBeCloseTo(0.013235599563682681, 7);
    expect(found[1]!.p).toBeCloseTo(0.6973848372768225, 7);
    expect(found[2]!.p).toBeCloseTo(0.002910810291414733, 7);
    expect(found.map(({ adjusted }) => adjusted)).toEqual([
      expect.closeTo(0.026471199127365362, 7),
      expect.closeTo(0.6973848372768225, 7),
      expect.closeTo(0.008732430874244199, 7),
    ]);
  });

  test('gives each its t interval, and a wider one that holds with the others', () => {
    expect(found[0]!.difference.mean).toBeCloseTo(0.03, 12);
    expect(found[0]!.difference.low).toBeCloseTo(0.010367568385224436, 7);
    expect(found[0]!.difference.high).toBeCloseTo(0.049632431614775575, 7);
    expect(found[0]!.simultaneous.low).toBeCloseTo(0.0019930101920119514, 7);
    expect(found[2]!.simultaneous.high).toBeCloseTo(-0.01713663908115051, 7);
  });

  test('of one cell has a difference and nothing else, and is no part of the family', () => {
    const [one, many] = compare([cellsOf([0.1]), cellsOf([0.1, 0.2, 0.12])]);
    expect(one).toMatchObject({ cells: 1, p: null, adjusted: null, detectable: null });
    expect(one!.difference).toEqual({ mean: 0.1, low: null, high: null, level: 0.95 });
    expect(many!.adjusted).toBe(many!.p);
  });

  test('of cells that all agree has no interval: so few of so few items agree by chance', () => {
    const open = { low: null, high: null };
    expect(compare([cellsOf([0, 0, 0])])[0]).toMatchObject({ p: null, detectable: null, difference: open });
    expect(compare([cellsOf([0.03125, 0.03125])])[0]).toMatchObject({ adjusted: null, simultaneous: open });
  });

  test('tells the difference that it finds in 80 % of cases', () => {
    const random = Random.of(2, 'power');
    const spread = 0.05;
    const draws = 1500;
    // What the note would say on average, from the true spread.
    const size = ((2.776445 + 0.940965) * spread) / Math.sqrt(5);
    let seen = 0;
    for (let draw = 0; draw < draws; draw++) {
      const cells = cellsOf(Array.from({ length: 5 }, () => size + spread * random.normal()));
      if (compare([cells])[0]!.p! < 0.05) seen++;
    }
    expect(Math.abs(seen / draws - 0.8)).toBeLessThan(0.05);
    const [example] = compare([cellsOf([-1, 0, 1, 2, -2].map((value) => value * 0.05))]);
    expect(example!.detectable).toBeCloseTo(
      ((2.776445 + 0.940965) * Math.sqrt(2.5) * 0.05) / Math.sqrt(5),
      5,
    );
  });
});

describe('holm', () => {
  test('multiplies the smallest by all, the next by all but one, and never reorders', () => {
    expect(holm([0.01, 0.04, 0.03, 0.5])).toEqual([0.04, 0.09, 0.09, 0.5]);
    expect(holm([0.6, 0.7])).toEqual([1, 1]);
    expect(holm([])).toEqual([]);
  });
});
