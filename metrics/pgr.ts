/** @file Performance gap recovered over cells, with Fieller's confidence set for a ratio of means. */
import type { GapRecovered } from '../report/results.js';
import { meanOverCells, type CellItems } from './components.js';
import { defaultLevel, mean, studentQuantile, upperTail } from './interval.js';

/** Test scores of one cell: the same task, pair and seed. */
export interface CellAccuracies {
  weak: number;
  student: number;
  ceiling: number;
  /** What the cell shares with others: factor → level. Absent: nothing. */
  levels?: Readonly<Record<string, string>>;
  /** The items behind student − weak and ceiling − weak, in this order. */
  items?: CellItems | undefined;
}

/**
 * PGR = mean(student − weak) / mean(ceiling − weak) over cells, so that the baselines are averaged over seeds before
 * anything is divided. Where less of the metric is better (a risk), both differences change their sign, and the ratio
 * stays. The set is Fieller's (1954; also Franz 2007, arXiv:0710.2024, eq. 3): with a = student − weak and
 * b = ceiling − weak in each cell, every ρ that a paired t test of mean(a − ρ b) = 0 does not reject,
 *
 *     (ā − ρ b̄)² ≤ t² (v_aa − 2 ρ v_ab + ρ² v_bb),    v = covariances of the means,  t = t_{ν, (1+level)/2},
 *
 * so that the weak supervisor's, the student's and the ceiling's uncertainty are all in it. For n cells that share
 * nothing, v is the sample covariance / n and ν = n − 1; for cells that share seeds or tasks both come from
 * `meanOverCells`, ν in the direction of a − ρ̂ b. Where b̄ differs from 0 (b̄² > t² v_bb) the set is an interval
 * ('bounded'); where it does not, the set is everything outside an interval ('exclusive', its ends low and high) or
 * all numbers ('unbounded', ends null). A 'bounded' set may be a half-line (one end null) in the one case between,
 * b̄² = t² v_bb.
 *
 * One cell has a value and no interval. Without a gap there is nothing to recover: no value, unbounded.
 * @param higherIsBetter whether more of the metric is better
 */
export function gapRecovered(
  cells: readonly CellAccuracies[],
  level = defaultLevel,
  higherIsBetter = true,
): GapRecovered {
  if (cells.length === 0) throw new RangeError('there is no PGR of no cells');
  const sign = higherIsBetter ? 1 : -1;
  const a = cells.map(({ student, weak }) => sign * (student - weak));
  const b = cells.map(({ ceiling, weak }) => sign * (ceiling - weak));
  const gain = mean(a);
  const gap = mean(b);
  const value = gap > 0 ? gain / gap : null;
  const unbounded: GapRecovered = {
    value,
    low: null,
    high: null,
    level,
    cells: cells.length,
    kind: 'unbounded',
  };
  if (value === null || cells.length === 1) return unbounded;

  const found = meanOverCells(
    cells.map(({ levels = {}, items }, index) => ({
      values: [a[index]!, b[index]!],
      levels,
      items: items && {
        ids: items.ids,
        values: items.values.map((values) => values.map((each) => sign * each)),
      },
    })),
  );
  const [[vaa, vab], [, vbb]] = found.covariance as [[number, number], [number, number]];
  const t2 = studentQuantile(upperTail(level), found.degrees([1, -value])) ** 2;
  // q2 ρ² − 2 q1 ρ + q0 ≤ 0
  const q2 = gap ** 2 - t2 * vbb;
  const q1 = gain * gap - t2 * vab;
  const q0 = gain ** 2 - t2 * vaa;
  if (q2 === 0) return { ...unbounded, ...halfLine(q1, q0) };
  const discriminant = q1 ** 2 - q2 * q0;
  // For q2 > 0 the set contains `value`, so a negative discriminant is rounding: the set is that one point.
  if (q2 < 0 && discriminant < 0) return unbounded;
  const root = Math.sqrt(Math.max(0, discriminant));
  const ends = [(q1 - root) / q2, (q1 + root) / q2];
  const kind = q2 > 0 ? 'bounded' : 'exclusive';
  return { ...unbounded, kind, low: Math.min(...ends), high: Math.max(...ends) };
}

/** −2 q1 ρ + q0 ≤ 0 */
function halfLine(q1: number, q0: number): Partial<GapRecovered> {
  if (q1 === 0) return {};
  const end = q0 / (2 * q1);
  return q1 > 0 ? { kind: 'bounded', low: end, high: null } : { kind: 'bounded', low: null, high: end };
}
