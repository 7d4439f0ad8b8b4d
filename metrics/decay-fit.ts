/** @file Fitting a decaying curve with a plateau, in logarithms: exponential, or a power law. */

/** How a curve comes down to its plateau: a·e^{−b n} + c, or a·n^{−b} + c. */
export const families = ['exponential', 'power law'] as const;
export type Family = (typeof families)[number];

/** What is fitted: the mean logarithm of the risk at each n, and how much each counts. */
export interface LogCurve {
  /** Greater than 0. */
  readonly n: readonly number[];
  /** ln of the geometric mean of the risks. */
  readonly logs: readonly number[];
  /** Proportional to 1 / variance. */
  readonly weights: readonly number[];
}

export interface Decay {
  readonly family: Family;
  readonly a: number;
  readonly b: number;
  /** The plateau; 0 where it was fitted without one. */
  readonly c: number;
}

export interface DecayFit extends Decay {
  /** Σ w (ln risk − ln curve)². */
  readonly squares: number;
  /**
   * Akaike's criterion, corrected for few points (Hurvich & Tsai 1989): N ln(squares / N) + 2 q + 2 q (q + 1) / (N − q − 1),
   * with q parameters, the scale of the noise among them. Null where N ≤ q + 1.
   */
  readonly aicc: number | null;
}

/** a·e^{−b n} + c or a·n^{−b} + c. */
export function valueOf({ family, a, b, c }: Decay, n: number): number {
  return a * Math.exp(-b * timeOf(family, n)) + c;
}

/** Both families are a·e^{−b t} + c, with t = n or t = ln n. */
export function timeOf(family: Family, n: number): number {
  return family === 'exponential' ? n : Math.log(n);
}

/**
 * The least Σ w (ln risk − ln curve)², over a, b, c > 0 (or c = 0). In logarithms, since risks of different n differ by
 * powers of ten, and since the geometric mean of exponentials of different rates is an exponential, while their
 * arithmetic mean comes down ever more slowly, like a power law.
 */
export function fitDecay(curve: LogCurve, family: Family, withPlateau = true): DecayFit {
  const times = timesOf(curve, family);
  const lowest = Math.exp(Math.min(...curve.logs));
  const plateaus = withPlateau ? [0.9, 1e-2].map((share) => share * lowest) : [0];
  const fits = plateaus.map((c) => descend(times, curve, startAt(times, curve, c)));
  return fitAt(
    curve,
    family,
    fits.reduce((least, fit) => (fit.squares < least.squares ? fit : least)),
  );
}

/** The fit of a curve much like one that has been fitted: from there, and so quicker. */
export function refit(curve: LogCurve, { family, a, b, c }: Decay): DecayFit {
  const start = [a, b, ...(c > 0 ? [c] : [])].map((value) => Math.log(Math.max(value, 1e-100)));
  return fitAt(curve, family, descend(timesOf(curve, family), curve, start));
}

function timesOf({ n }: LogCurve, family: Family): number[] {
  return n.map((value) => timeOf(family, value));
}

function fitAt(curve: LogCurve, family: Family, best: Point): DecayFit {
  const [a, b, c] = best.logarithms.map(Math.exp) as [number, number, number | undefined];
  const count = curve.n.length;
  const q = best.logarithms.length + 1;
  const aicc =
    count > q + 1
      ? count * Math.log(Math.max(best.squares, Number.MIN_VALUE) / count) +
        2 * q +
        (2 * q * (q + 1)) / (count - q - 1)
      : null;
  return { family, a, b, c: c ?? 0, squares: best.squares, aicc };
}

/** ln a, ln b and, with a plateau, ln c: so that each is positive. */
type Logarithms = number[];

interface Point {
  readonly logarithms: Logarithms;
  readonly squares: number;
}

/** The line through ln(risk − c) over t, where the plateau c leaves something of the risk. */
function startAt(times: readonly number[], { logs }: LogCurve, c: number): Logarithms {
  const above = logs.map((log) => Math.exp(log) - c);
  const used = times.flatMap((time, i) =>
    above[i]! > 0.2 * c ? [[time, Math.log(above[i]!)] as const] : [],
  );
  const meanTime = used.reduce((sum, [time]) => sum + time, 0) / used.length;
  const meanLog = used.reduce((sum, [, log]) => sum + log, 0) / used.length;
  const spread = used.reduce((sum, [time]) => sum + (time - meanTime) ** 2, 0);
  const slope = used.reduce((sum, [time, log]) => sum + (time - meanTime) * (log - meanLog), 0) / spread;
  const range = Math.max(...times) - Math.min(...times);
  // Of a single point, or of a curve that rises, no slope can be had: one that falls somewhat.
  const b = slope < 0 && Number.isFinite(slope) ? -slope : 1 / range;
  const [centre, height] = Number.isFinite(meanLog) ? [meanTime, meanLog] : [times[0]!, Math.max(...logs)];
  return [height + b * centre, Math.log(b), ...(c > 0 ? [Math.log(c)] : [])];
}

/** Levenberg–Marquardt from a start, to where no step makes it better. */
function descend(times: readonly number[], curve: LogCurve, start: Logarithms): Point {
  let here: Point = { logarithms: start, squares: squaresAt(times, curve, start) };
  let damping = 1e-3;
  for (let step = 0; step < 100 && damping < 1e12; step++) {
    const { normal, gradient } = linearised(times, curve, here.logarithms);
    const damped = normal.map((row, i) =>
      row.map((value, j) => (i === j ? value * (1 + damping) + 1e-12 : value)),
    );
    const logarithms = here.logarithms.map((value, i) => value + solve(damped, gradient)[i]!);
    const squares = squaresAt(times, curve, logarithms);
    if (!(squares < here.squares)) {
      damping *= 10;
      continue;
    }
    const gain = here.squares - squares;
    here = { logarithms, squares };
    damping = Math.max(damping / 10, 1e-12);
    if (gain <= 1e-10 * squares) break;
  }
  return here;
}

function squaresAt(times: readonly number[], { logs, weights }: LogCurve, at: Logarithms): number {
  const [a, b, c] = at.map(Math.exp) as [number, number, number | undefined];
  return times.reduce(
    (sum, time, i) => sum + weights[i]! * (logs[i]! - Math.log(a * Math.exp(-b * time) + (c ?? 0))) ** 2,
    0,
  );
}

/** JᵀWJ and JᵀW(residuals), J the derivatives of ln curve by the logarithms. */
function linearised(times: readonly number[], { logs, weights }: LogCurve, at: Logarithms) {
  const [a, b, c] = at.map(Math.exp) as [number, number, number | undefined];
  const normal = at.map(() => at.map(() => 0));
  const gradient = at.map(() => 0);
  times.forEach((time, i) => {
    const falling = a * Math.exp(-b * time);
    const value = falling + (c ?? 0);
    const slopes = [falling / value, (-b * time * falling) / value, (c ?? 0) / value];
    const rest = logs[i]! - Math.log(value);
    normal.forEach((row, j) => {
      gradient[j]! += weights[i]! * slopes[j]! * rest;
      row.forEach((_, k) => (row[k]! += weights[i]! * slopes[j]! * slopes[k]!));
    });
  });
  return { normal, gradient };
}

/** Gaussian elimination; the matrix is positive definite. */
function solve(matrix: readonly (readonly number[])[], right: readonly number[]): number[] {
  const rows = matrix.map((row, i) => [...row, right[i]!]);
  rows.forEach((pivot, i) => {
    for (const row of rows.slice(i + 1)) {
      const factor = row[i]! / pivot[i]!;
      row.forEach((_, j) => (row[j]! -= factor * pivot[j]!));
    }
  });
  const solution: number[] = [];
  for (let i = rows.length - 1; i >= 0; i--) {
    const known = solution.reduce((sum, value, j) => sum + value * rows[i]![i + 1 + j]!, 0);
    solution.unshift((rows[i]!.at(-1)! - known) / rows[i]![i]!);
  }
  return solution;
}
