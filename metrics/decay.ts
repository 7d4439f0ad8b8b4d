/** @file How a risk comes down with n: exponentially or by a power law, and where it stops. Intervals over seeds. */
import { Random } from '../base/random.js';
import type { Interval } from '../report/results.js';
import {
  families,
  fitDecay,
  valueOf,
  type Decay,
  type DecayFit,
  type Family,
  type LogCurve,
} from './decay-fit.js';
import { covariance, defaultLevel, mean } from './interval.js';

/** A risk against a number n (of examples, of weak labels) in several independent runs. */
export interface Curve {
  /** Columns at n = 0 are left out: a power law has no value there. */
  readonly n: readonly number[];
  /** [runs][n], greater than 0: one row a seed (and whatever else is drawn with it). */
  readonly runs: readonly (readonly number[])[];
}

export interface Estimate extends Interval {
  readonly value: number;
}

export interface FittedDecay {
  readonly a: Estimate;
  readonly b: Estimate;
  /** The plateau. */
  readonly c: Estimate;
  readonly fit: DecayFit;
}

export interface DecayComparison {
  readonly exponential: FittedDecay;
  readonly power: FittedDecay;
  /** AICc of the power law less that of the exponential: above 0, the exponential fits better. */
  readonly difference: Estimate;
  /** Share of resamples of the runs in which the exponential fits better. */
  readonly exponentialBetter: number;
  readonly runs: number;
}

export interface Plateau {
  /** The better fit of the two families; the level is its limit c, or where it stays if it hardly falls. */
  readonly family: Family;
  readonly level: Estimate;
  /** AICc without a plateau less that with one, the better family each: above 0, there is one. */
  readonly evidence: Estimate;
  /**
   * The n from which the curve is within {@link tolerance} of its plateau. An end is null where that lies beyond what
   * can be said: no plateau.
   */
  readonly from: Interval & { readonly value: number | null };
  /** Whether the plateau begins within the n that were tried. */
  readonly reached: boolean;
  readonly runs: number;
}

export interface DecayOptions {
  readonly level?: number;
  readonly resamples?: number;
  /** Of the bootstrap. */
  readonly seed?: number;
}

/** A curve has come to its plateau where it is at most so much, relatively, above it. */
export const tolerance = 0.1;

/** Fewer columns than this leave a fit with three parameters and its noise nothing to be judged by. */
export const fewestColumns = 6;
export const fewestRuns = 3;

/** Whether a curve has enough columns, runs and positive values to be fitted. */
export function canFit({ n, runs }: Curve): boolean {
  const columns = n.filter((value) => value > 0).length;
  const positive = runs.every((run) => run.every((risk, i) => n[i]! <= 0 || risk > 0));
  return columns >= fewestColumns && runs.length >= fewestRuns && positive;
}

/**
 * Fits a·e^{−b n} + c and a·n^{−b} + c to the mean logarithms of the risks (weighted by what the runs say of their
 * variance) and compares them by AICc; intervals are percentiles over resamples of whole runs, so that what is common
 * to a run (its data, its supervisor) stays together.
 * @throws RangeError where {@link canFit} says no
 */
export function compareDecay(curve: Curve, options: DecayOptions = {}): DecayComparison {
  const whole = familiesOf(logCurveOf(curve));
  const drawn = resampled(curve, options).map(familiesOf);
  const fitted = (name: keyof FittedFamilies): FittedDecay => {
    const estimate = (part: 'a' | 'b' | 'c'): Estimate =>
      estimateOf(
        whole[name][part],
        drawn.map((fits) => fits[name][part]),
        options,
      );
    return { a: estimate('a'), b: estimate('b'), c: estimate('c'), fit: whole[name] };
  };
  const differences = drawn.map(differenceOf);
  return {
    exponential: fitted('exponential'),
    power: fitted('power'),
    difference: estimateOf(differenceOf(whole), differences, options),
    exponentialBetter: differences.filter((difference) => difference > 0).length / differences.length,
    runs: curve.runs.length,
  };
}

/**
 * Whether, at which level, and from which n on a curve has a plateau, in the family that fits it better.
 * @throws RangeError where {@link canFit} says no
 */
export function plateau(curve: Curve, options: DecayOptions = {}): Plateau {
  const logCurve = logCurveOf(curve);
  const { exponential, power } = familiesOf(logCurve);
  const best = exponential.aicc! <= power.aicc! ? exponential : power;
  const samples = resampled(curve, options);
  const fits = samples.map((sample) => fitDecay(sample, best.family));
  const beginnings = fits.map((fit) => beginningOf(fit, logCurve) ?? Infinity);
  const finite = (n: number | null): number | null => (n !== null && Number.isFinite(n) ? n : null);
  const begins = beginningOf(best, logCurve);
  const { low, high, level } = estimateOf(begins ?? Infinity, beginnings, options);
  return {
    family: best.family,
    level: estimateOf(
      levelOf(best, logCurve),
      fits.map((fit) => levelOf(fit, logCurve)),
      options,
    ),
    evidence: estimateOf(evidenceOf(logCurve), samples.map(evidenceOf), options),
    from: { value: begins, low: finite(low), high: finite(high), level },
    reached: begins !== null && begins <= Math.max(...curve.n),
    runs: curve.runs.length,
  };
}

interface FittedFamilies {
  readonly exponential: DecayFit;
  readonly power: DecayFit;
}

function familiesOf(curve: LogCurve): FittedFamilies {
  return { exponential: fitDecay(curve, 'exponential'), power: fitDecay(curve, 'power law') };
}

function differenceOf({ exponential, power }: FittedFamilies): number {
  return power.aicc! - exponential.aicc!;
}

function evidenceOf(curve: LogCurve): number {
  const least = (withPlateau: boolean): number =>
    Math.min(...families.map((family) => fitDecay(curve, family, withPlateau).aicc!));
  return least(false) - least(true);
}

/** Whether a curve hardly falls over all that was tried, whatever it would do beyond: it is on its plateau. */
function isFlat(fit: Decay, { n }: LogCurve): boolean {
  return valueOf(fit, Math.min(...n)) <= (1 + tolerance) * valueOf(fit, Math.max(...n));
}

function levelOf(fit: Decay, curve: LogCurve): number {
  return isFlat(fit, curve) ? valueOf(fit, Math.max(...curve.n)) : fit.c;
}

/** The n at which a·e^{−b t} = tolerance · c, or the first where the curve is flat; null where it comes to no plateau. */
function beginningOf(fit: Decay, curve: LogCurve): number | null {
  if (isFlat(fit, curve)) return Math.min(...curve.n);
  const time = Math.log(fit.a / (tolerance * fit.c)) / fit.b;
  const n = fit.family === 'exponential' ? time : Math.exp(time);
  return n < Infinity ? n : null;
}

/** Means and variances of ln risk over runs. */
function logCurveOf(curve: Curve): LogCurve {
  const { n, runs } = curve;
  if (!canFit(curve)) {
    throw new RangeError(
      `a decay is fitted to ${fewestRuns} or more runs of ${fewestColumns} or more positive n with positive risks, ` +
        `not to ${runs.length} runs of ${n.length}`,
    );
  }
  const columns = n.flatMap((value, i) =>
    value > 0 ? [{ n: value, logs: runs.map((run) => Math.log(run[i]!)) }] : [],
  );
  const variances = columns.map(({ logs }) => covariance(logs, logs));
  const typical = mean(variances);
  return {
    n: columns.map((column) => column.n),
    logs: columns.map(({ logs }) => mean(logs)),
    // Halfway between a column's own variance and the typical one: that of a few runs alone is a poor weight.
    weights: variances.map((variance) => (typical > 0 ? (2 * typical) / (variance + typical) : 1)),
  };
}

/** The curve of runs drawn with repetition, with the weights of the whole: again and again. */
function resampled(curve: Curve, { resamples = 1000, seed = 0 }: DecayOptions): LogCurve[] {
  const { weights } = logCurveOf(curve);
  const random = Random.of(seed, 'decay', 'resamples');
  return Array.from({ length: resamples }, () => {
    const runs = curve.runs.map(() => curve.runs[random.integer(curve.runs.length)]!);
    return { ...logCurveOf({ ...curve, runs }), weights };
  });
}

/** A value with percentiles of its resamples. */
function estimateOf(
  value: number,
  draws: readonly number[],
  { level = defaultLevel }: DecayOptions,
): Estimate {
  const sorted = [...draws].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.round(share * (sorted.length - 1))]!;
  return { value, low: at((1 - level) / 2), high: at((1 + level) / 2), level };
}
