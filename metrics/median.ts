/** @file The median of a PGR over tasks, as papers report it, with a seeded bootstrap interval. */
import { Random } from '../base/random.js';
import type { Interval } from '../report/results.js';
import { defaultLevel, normalProbability, studentQuantile, upperTail } from './interval.js';
import { gapRecovered, type CellAccuracies } from './pgr.js';

const draws = 2000;
/** With fewer tasks a bootstrap over tasks says next to nothing. */
export const fewestTasks = 3;

export interface MedianGap extends Interval {
  readonly value: number | null;
  /** Tasks with a gap to recover: those the median is over. */
  readonly tasks: number;
  /** Tasks whose ceiling is not above the weak supervisor. */
  readonly excluded: number;
}

/**
 * The median over tasks (or tasks and pairs) of each one's PGR over its cells. As in openai/weak-to-strong's notebook,
 * tasks without a gap are left out, and counted here. The interval is a two-stage percentile bootstrap (Davison & Hinkley
 * 1997, §3.8): tasks are drawn with replacement, and cells within each drawn task, its tails moved outwards for the
 * number of tasks as in Hesterberg 2015 (Amer. Statistician 69:371, the expanded percentile interval); null below three
 * tasks. docs/statistics.md has how often it covers the truth.
 * @param seed names the draws: the same cells and seed give the same interval
 */
export function medianGap(
  tasks: readonly (readonly CellAccuracies[])[],
  seed: string,
  options: { level?: number; higherIsBetter?: boolean } = {},
): MedianGap {
  const { level = defaultLevel, higherIsBetter = true } = options;
  const known = tasks.filter((cells) => cells.length > 0);
  const gaps = known.flatMap((cells) => gapRecovered(cells, level, higherIsBetter).value ?? []);
  const value = gaps.length === 0 ? null : median(gaps);
  const found = { value, tasks: gaps.length, excluded: known.length - gaps.length, level };
  if (gaps.length < fewestTasks) return { ...found, low: null, high: null };
  const random = Random.of(0, 'median over tasks', seed);
  const drawn: number[] = [];
  for (let draw = 0; draw < draws; draw++) {
    const ratios = known.flatMap(() => {
      const cells = known[random.integer(known.length)]!;
      let gain = 0;
      let gap = 0;
      for (let index = 0; index < cells.length; index++) {
        const { weak, student, ceiling } = cells[random.integer(cells.length)]!;
        gain += student - weak;
        gap += ceiling - weak;
      }
      return (higherIsBetter ? gap : -gap) > 0 ? [gain / gap] : [];
    });
    if (ratios.length > 0) drawn.push(median(ratios));
  }
  drawn.sort((a, b) => a - b);
  const n = gaps.length;
  const tail = normalProbability(-Math.sqrt(n / (n - 1)) * studentQuantile(upperTail(level), n - 1));
  const at = (share: number): number => drawn[Math.min(drawn.length - 1, Math.floor(share * drawn.length))]!;
  return { ...found, low: at(tail), high: at(1 - tail) };
}

/** The middle value, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('there is no median of nothing');
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return Number.isInteger(middle) ? (sorted[middle - 1]! + sorted[middle]!) / 2 : sorted[Math.floor(middle)]!;
}
