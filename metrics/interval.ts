/** @file The mean of a few cells and its t interval. */
import jstat from 'jstat';
import type { Interval } from '../report/results.js';

/** What every interval covers unless it is asked for something else. */
export const defaultLevel = 0.95;

/** The p-quantile of Student's t distribution. Throws a RangeError outside 0 < p < 1 or below one degree of freedom. */
export function studentQuantile(p: number, degrees: number): number {
  if (!(p > 0 && p < 1)) throw new RangeError(`there is no ${p}-quantile`);
  if (!(degrees >= 1))
    throw new RangeError(`a t distribution has at least one degree of freedom, not ${degrees}`);
  return jstat.jStat.studentt.inv(p, degrees);
}

/** The probability that |t| of Student's t distribution is at least as far from 0: a two-sided p value. */
export function studentTails(t: number, degrees: number): number {
  if (!(degrees >= 1))
    throw new RangeError(`a t distribution has at least one degree of freedom, not ${degrees}`);
  return Math.min(1, 2 * jstat.jStat.studentt.cdf(-Math.abs(t), degrees));
}

/** The p-quantile of the standard normal distribution. */
export function normalQuantile(p: number): number {
  if (!(p > 0 && p < 1)) throw new RangeError(`there is no ${p}-quantile`);
  return jstat.jStat.normal.inv(p, 0, 1);
}

/** The probability that a standard normal number lies below z. */
export function normalProbability(z: number): number {
  return jstat.jStat.normal.cdf(z, 0, 1);
}

/** The quantile that leaves half of 1 − level above it: 0.975 for 0.95. */
export function upperTail(level: number): number {
  if (!(level > 0 && level < 1)) throw new RangeError(`a level lies between 0 and 1, not at ${level}`);
  return (1 + level) / 2;
}

/** Throws a RangeError for an empty list. */
export function mean(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('there is no mean of nothing');
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Sample covariance, divided by n − 1; of a list with itself, its variance. */
export function covariance(a: readonly number[], b: readonly number[]): number {
  if (a.length !== b.length) throw new RangeError(`${a.length} and ${b.length} values are not pairs`);
  if (a.length < 2) throw new RangeError('there is no covariance of fewer than two pairs');
  const meanA = mean(a);
  const meanB = mean(b);
  const products = a.map((value, i) => (value - meanA) * ((b[i] as number) - meanB));
  return products.reduce((sum, product) => sum + product, 0) / (a.length - 1);
}

/**
 * mean ± t · s / √n, with Student's t at n − 1 degrees of freedom. One value tells nothing of its spread: infinite
 * ends (null). The ends are not cut off at 0 or 1, since an interval that leaves the range says something too.
 */
export function meanInterval(values: readonly number[], level = defaultLevel): Interval & { mean: number } {
  const centre = mean(values);
  if (values.length === 1) return { mean: centre, low: null, high: null, level };
  const standardError = Math.sqrt(covariance(values, values) / values.length);
  const reach = studentQuantile(upperTail(level), values.length - 1) * standardError;
  return { mean: centre, low: centre - reach, high: centre + reach, level };
}
