/** @file How a risk comes down with n: exponentially or by a power law, and where it stops. Intervals over seeds. */
import { Random } from '../base/random.js';
import type { Interval } from '../report/results.js';
import { families, fitDecay, refit, valueOf, type Decay, type DecayFit, type LogCurve } from './decay-fit.js';
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

export interface DecayStudy {
  readonly runs: number;
  readonly exponential: FittedDecay;
  readonly power: FittedDecay;
  readonly better: 'exponential' | 'power';
  /** AICc of the power law less that of the exponential: above 0, the exponential fits better. */
  readonly difference: Estimate;
  /** Share of resamples in which the same one fits better. */
  readonly agreement: number;
  readonly plateau: Plateau;
}

/** Of the better fit. */
export interface Plateau {
  /** Its limit c, or where it stays if it hardly falls. */
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
  /** Without any fit: the first n that was tried from which on the risk stays within {@link tolerance} of the last one. */
  readonly settled: Estimate;
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
 * variance), compares them by AICc, and looks for the plateau of the better one. Intervals are percentiles over
 * resamples of whole runs, so that what is common to a run (its data, its supervisor) stays together.
 * @throws RangeError where {@link canFit} says no
 */
export function studyDecay(curve: Curve, options: DecayOptions = {}): DecayStudy {
  const logCurve = logCurveOf(curve);
  const whole = {
    exponential: fitDecay(logCurve, 'exponential'),
    power: fitDecay(logCurve, 'power law'),
    bare: families.map((family) => fitDecay(logCurve, family, false)),
  };
  const samples = resampled(curve, options);
  const drawn = samples.map((sample): Fits => ({
    exponential: refit(sample, whole.exponential),
    power: refit(sample, whole.power),
    bare: whole.bare.map((fit) => refit(sample, fit)),
  }));
  const estimate = (of: (fits: Fits) => number): Estimate => estimateOf(of(whole), drawn.map(of), options);
  const fitted = (name: 'exponential' | 'power'): FittedDecay => ({
    a: estimate((fits) => fits[name].a),
    b: estimate((fits) => fits[name].b),
    c: estimate((fits) => fits[name].c),
    fit: whole[name],
  });
  const better = differenceOf(whole) > 0 ? 'exponential' : 'power';
  const begins = beginningOf(whole[better], logCurve);
  const { low, high, level } = estimate((fits) => beginningOf(fits[better], logCurve) ?? Infinity);
  return {
    runs: curve.runs.length,
    exponential: fitted('exponential'),
    power: fitted('power'),
    better,
    difference: estimate(differenceOf),
    agreement:
      drawn.filter((fits) => differenceOf(fits) > 0 === differenceOf(whole) > 0).length / drawn.length,
    plateau: {
      level: estimate((fits) => levelOf(fits[better], logCurve)),
      evidence: estimate(evidenceOf),
      from: { value: begins, low: finite(low), high: finite(high), level },
      reached: begins !== null && begins <= Math.max(...curve.n),
      settled: estimateOf(settledAt(logCurve), samples.map(settledAt), options),
    },
  };
}

interface Fits {
  readonly exponential: DecayFit;
  readonly power: DecayFit;
  /** Of both families, without a plateau. */
  readonly bare: readonly DecayFit[];
}

function differenceOf({ exponential, power }: Fits): number {
  return power.aicc! - exponential.aicc!;
}

function evidenceOf({ exponential, power, bare }: Fits): number {
  return Math.min(...bare.map(({ aicc }) => aicc!)) - Math.min(exponential.aicc!, power.aicc!);
}

function finite(value: number | null): number | null {
  return value !== null && Number.isFinite(value) ? value : null;
}

function settledAt({ n, logs }: LogCurve): number {
  const rows = n.map((value, i) => ({ value, log: logs[i]! })).sort((a, b) => a.value - b.value);
  const last = rows.at(-1)!;
  const off = rows.findLastIndex(({ log }) => Math.abs(log - last.log) > Math.log(1 + tolerance));
  return rows[off + 1]!.value;
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
