/** @file L-BFGS: the minimum of a smooth function of many parameters. */

export interface Objective {
  /** The function's value at `point`; writes its gradient into `gradient`. */
  (point: Float64Array, gradient: Float64Array): number;
}

export interface Minimum {
  readonly point: Float64Array;
  readonly value: number;
  /** Whether the gradient vanished before the steps ran out. */
  readonly converged: boolean;
}

/** How many of the last steps shape the next one. */
const memory = 10;

/** The share of the slope by which a step has to go down. */
const sufficient = 1e-4;

/**
 * Nocedal & Wright, Numerical Optimization (2nd edition), algorithms 7.4 and 7.5, with a line search that halves the
 * step until it satisfies Armijo's condition or, where rounding hides that, Hager & Zhang's (2005, equation 27). A step along which the curvature is not positive does not enter the
 * memory, so that the approximation stays positive definite.
 *
 * @param tolerance the largest entry of the gradient at which it stops
 */
export function minimise(
  objective: Objective,
  start: Float64Array,
  { steps = 2000, tolerance = 1e-9 }: { steps?: number; tolerance?: number } = {},
): Minimum {
  let point = Float64Array.from(start);
  let gradient = new Float64Array(point.length);
  let value = objective(point, gradient);
  const past: { step: Float64Array; change: Float64Array; curvature: number }[] = [];
  for (let count = 0; count < steps; count++) {
    if (largest(gradient) <= tolerance) return { point, value, converged: true };
    const direction = descent(gradient, past);
    const slope = dot(direction, gradient);
    // The first direction is the bare gradient, whose length says nothing about how far to go.
    let length = past.length === 0 ? Math.min(1, 1 / Math.sqrt(dot(gradient, gradient))) : 1;
    const next = new Float64Array(point.length);
    const nextGradient = new Float64Array(point.length);
    let nextValue: number;
    for (;;) {
      for (let i = 0; i < next.length; i++) next[i] = point[i]! + length * direction[i]!;
      nextValue = objective(next, nextGradient);
      if (nextValue <= value + sufficient * length * slope) break;
      // Near the minimum the values differ by less than rounding: there the slopes say whether it goes down.
      const level = nextValue <= value + 1e-14 * Math.abs(value);
      if (level && dot(direction, nextGradient) <= (2 * sufficient - 1) * slope) break;
      length /= 2;
      // Rounding hides any further descent: this is as low as float64 shows.
      if (length < 1e-20) return { point, value, converged: largest(gradient) <= Math.sqrt(tolerance) };
    }
    const step = next.map((entry, i) => entry - point[i]!);
    const change = nextGradient.map((entry, i) => entry - gradient[i]!);
    const curvature = dot(step, change);
    if (curvature > 1e-10 * Math.sqrt(dot(step, step) * dot(change, change))) {
      past.push({ step, change, curvature });
      if (past.length > memory) past.shift();
    }
    point = next;
    gradient = nextGradient;
    value = nextValue;
  }
  return { point, value, converged: largest(gradient) <= tolerance };
}

/** −H g with H the approximate inverse of the Hessian (the two-loop recursion). */
function descent(
  gradient: Float64Array,
  past: readonly { step: Float64Array; change: Float64Array; curvature: number }[],
): Float64Array {
  const result = gradient.map((entry) => -entry);
  const shares: number[] = [];
  for (let k = past.length - 1; k >= 0; k--) {
    const { step, change, curvature } = past[k]!;
    const share = dot(step, result) / curvature;
    shares[k] = share;
    for (let i = 0; i < result.length; i++) result[i] = result[i]! - share * change[i]!;
  }
  const last = past.at(-1);
  if (last !== undefined) {
    const scale = last.curvature / dot(last.change, last.change);
    for (let i = 0; i < result.length; i++) result[i] = result[i]! * scale;
  }
  past.forEach(({ step, change, curvature }, k) => {
    const correction = shares[k]! - dot(change, result) / curvature;
    for (let i = 0; i < result.length; i++) result[i] = result[i]! + correction * step[i]!;
  });
  return result;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function largest(values: Float64Array): number {
  let most = 0;
  for (const value of values) most = Math.max(most, Math.abs(value));
  return most;
}
