import { describe, expect, test } from 'vitest';
import { Random } from '../base/random.js';
import { gapRecovered, type CellAccuracies } from './pgr.js';

function cells(weak: number[], student: number[], ceiling: number[]): CellAccuracies[] {
  return weak.map((_, i) => ({ weak: weak[i]!, student: student[i]!, ceiling: ceiling[i]! }));
}

/**
 * The ends were found with SciPy without Fieller's formula: as the roots (scipy.optimize.brentq) in ρ of
 * scipy.stats.ttest_1samp(a − ρ b, 0).pvalue − 0.05, where a = student − weak and b = ceiling − weak.
 */
describe('PGR over cells', () => {
  test('is bounded where ceiling − weak is clear of zero', () => {
    const gap = gapRecovered(
      cells(
        [0.75, 0.8125, 0.78125, 0.84375, 0.71875, 0.875],
        [0.84375, 0.9375, 0.8125, 0.90625, 0.875, 0.9375],
        [1, 0.96875, 1, 0.9375, 0.96875, 1],
      ),
    );
    expect(gap).toMatchObject({ kind: 'bounded', cells: 6, level: 0.95 });
    expect(gap.value).toBeCloseTo(0.48571428571428577, 12);
    expect(gap.low).toBeCloseTo(0.2397169279439966, 7);
    expect(gap.high).toBeCloseTo(0.8115748558646532, 7);
  });

  test('excludes an interval where student − weak is clear of zero and ceiling − weak is not', () => {
    const gap = gapRecovered(
      cells(
        [0.75, 0.8125, 0.78125, 0.84375],
        [0.84375, 0.9375, 0.8125, 0.90625],
        [0.78125, 0.84375, 0.78125, 0.875],
      ),
    );
    expect(gap.kind).toBe('exclusive');
    expect(gap.value).toBeCloseTo(3.3333333333333335, 12);
    expect(gap.low).toBeCloseTo(-18.808265050647286, 5);
    expect(gap.high).toBeCloseTo(1.5309994118924377, 7);
  });

  test('is unbounded where neither is', () => {
    const gap = gapRecovered(cells([0.75, 0.8125, 0.9], [0.84375, 0.78125, 0.8125], [0.85, 0.8, 0.95]));
    expect(gap).toMatchObject({ kind: 'unbounded', low: null, high: null, cells: 3 });
    expect(gap.value).toBeCloseTo(-0.18181818181818205, 12);
  });

  test('of one cell is a value without an interval', () => {
    const gap = gapRecovered(cells([0.8], [0.9], [1]));
    expect(gap).toMatchObject({ kind: 'unbounded', cells: 1, low: null, high: null });
    expect(gap.value).toBeCloseTo(0.5, 12);
  });

  test('has no value where the ceiling is not above the weak supervisor', () => {
    const none = { value: null, kind: 'unbounded', low: null, high: null };
    expect(gapRecovered(cells([0.8, 0.9], [0.9, 0.9], [0.8, 0.9]))).toMatchObject(none);
    expect(gapRecovered(cells([0.8, 0.9], [0.9, 0.9], [0.7, 0.8]))).toMatchObject(none);
    expect(() => gapRecovered([])).toThrow('there is no PGR of no cells');
  });

  test('of cells that all say the same is that value, with no width', () => {
    const gap = gapRecovered(cells([0.5, 0.5], [0.75, 0.75], [1, 1]));
    expect(gap).toEqual({ kind: 'bounded', value: 0.5, low: 0.5, high: 0.5, level: 0.95, cells: 2 });
  });

  test('is 0 for the weak supervisor and 1 for the ceiling, exactly', () => {
    const weak = [0.75, 0.8125, 0.78125];
    const ceiling = [1, 0.96875, 0.9375];
    expect(gapRecovered(cells(weak, weak, ceiling))).toMatchObject({ kind: 'bounded', value: 0 });
    const top = gapRecovered(cells(weak, ceiling, ceiling));
    expect(top.value).toBe(1);
    expect(top.low).toBeCloseTo(1, 7);
    expect(top.high).toBeCloseTo(1, 7);
  });

  test('pairs by cell: what weak, student and ceiling share in a cell does not widen the interval', () => {
    const random = Random.of(5, 'pairing');
    const noise = Array.from({ length: 8 }, () => 0.1 * random.normal());
    const own = Array.from({ length: 8 }, () => 0.002 * random.normal());
    const shared = cells(
      noise.map((x) => 0.6 + x),
      noise.map((x, i) => 0.7 + x + own[i]!),
      noise.map((x) => 0.8 + x),
    );
    const { low, high } = gapRecovered(shared);
    expect(high! - low!).toBeLessThan(0.05);
  });

  test('covers the true ratio about as often as it says', () => {
    const random = Random.of(1, 'coverage');
    const trials = 2000;
    let covered = 0;
    for (let trial = 0; trial < trials; trial++) {
      const drawn = Array.from({ length: 8 }, () => {
        const weak = 0.7 + 0.05 * random.normal();
        const student = weak + 0.06 + 0.05 * random.normal();
        return { weak, student, ceiling: weak + 0.12 + 0.06 * random.normal() };
      });
      if (contains(gapRecovered(drawn), 0.5)) covered++;
    }
    // Normal data make Fieller's set exact: 0.95 ± 4 standard errors of the simulation.
    expect(Math.abs(covered / trials - 0.95)).toBeLessThan(4 * Math.sqrt((0.95 * 0.05) / trials));
  });
});

function contains({ kind, low, high }: ReturnType<typeof gapRecovered>, ratio: number): boolean {
  const inside = (low ?? -Infinity) <= ratio && ratio <= (high ?? Infinity);
  return kind === 'exclusive' ? !inside : inside;
}
