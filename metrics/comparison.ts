/** @file Two methods compared over the cells that both have: a paired difference, and what could have been seen. */
import type { Interval } from '../report/results.js';
import { meanOverCells, type CellValues } from './components.js';
import { holm } from './holm.js';
import { defaultLevel, studentQuantile, studentTails, upperTail } from './interval.js';

/** The share of true differences of the `detectable` size that a comparison like this would find. */
export const usualPower = 0.8;

/** A mean difference over cells. What one cell cannot tell, and what cells that all agree cannot, is null. */
export interface PairedDifference {
  readonly cells: number;
  /** Method − reference, and its interval by itself. */
  readonly difference: Interval & { readonly mean: number };
  /** The interval that holds together with those of the other comparisons of its family (Bonferroni). */
  readonly simultaneous: Interval;
  /** Two-sided, of no difference. */
  readonly p: number | null;
  /** The same, corrected for the family (Holm). */
  readonly adjusted: number | null;
  /** The difference that would be found with a probability of 80 %, at the level of `difference`. */
  readonly detectable: number | null;
  /** What the variance of the mean is made of: shares by what cells share ("seed", "items") and by cells themselves. */
  readonly variance: Readonly<Record<string, number>>;
}

/**
 * Compares several methods with one reference. Each entry has one value a cell: method − reference in that cell, so
 * that whatever the two have in common there (the weak supervisor, the seed, the test items) is not in the variance.
 *
 * - difference: d̄ ± t_{ν, (1+level)/2} √Var d̄, variance and ν from `meanOverCells`.
 * - simultaneous: the same at level 1 − (1 − level) / m for m comparisons (Bonferroni, Dunn 1961): all m hold together
 *   with at least `level`.
 * - adjusted: p of t = d̄ / √Var d̄, corrected by Holm's procedure.
 * - detectable: (t_{ν, (1+level)/2} + t_{ν, 0.8}) √Var d̄, the usual approximation to the noncentral t.
 */
export function compare(
  family: readonly (readonly CellValues[])[],
  level = defaultLevel,
): PairedDifference[] {
  const found = family.map((cells) => {
    if (cells.length === 0) throw new RangeError('there is no comparison over no cells');
    if (cells.length === 1) return { cells, mean: cells[0]!.values[0]!, error: null, degrees: 0, parts: [] };
    const { means, covariance, degrees, parts } = meanOverCells(cells);
    const error = Math.sqrt(covariance[0]![0]!);
    // Few cells of few items agree by chance: that they do says nothing of how far others would be off.
    return { cells, mean: means[0]!, error: error > 0 ? error : null, degrees: degrees([1]), parts };
  });
  const known = found.filter(({ error }) => error !== null);
  const tails = known.map(({ mean, error, degrees }) => studentTails(mean / error!, degrees));
  const corrected = holm(tails);
  const together = 1 - (1 - level) / Math.max(1, known.length);
  return found.map((entry): PairedDifference => {
    const { cells, mean, error, degrees, parts } = entry;
    if (error === null) {
      const open = { low: null, high: null };
      return {
        cells: cells.length,
        difference: { mean, ...open, level },
        simultaneous: { ...open, level: together },
        p: null,
        adjusted: null,
        detectable: null,
        variance: {},
      };
    }
    const around = (at: number): Interval => {
      const reach = studentQuantile(upperTail(at), degrees) * error;
      return { low: mean - reach, high: mean + reach, level: at };
    };
    const place = known.indexOf(entry);
    const reach = studentQuantile(upperTail(level), degrees) + studentQuantile(usualPower, degrees);
    return {
      cells: cells.length,
      difference: { mean, ...around(level) },
      simultaneous: around(together),
      p: tails[place]!,
      adjusted: corrected[place]!,
      detectable: reach * error,
      variance: Object.fromEntries(
        parts.map(({ factor, variance, weight }) => [factor, (weight * variance[0]![0]!) / error ** 2]),
      ),
    };
  });
}
