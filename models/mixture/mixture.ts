/** @file A mixture of linear models with Gaussian noise, and what it answers after examples: exact Bayes. */

/**
 * p(y | x) = Σ_k α_k N(β_kᵀ x, σ²). The component is a latent concept: one is drawn, with probability α_k, and every
 * example of a context is then its own (arXiv 2405.16236, section 3, with φ* the identity).
 */
export interface Mixture {
  /** α [K], summing to 1. */
  readonly weights: readonly number[];
  /** β [K][d] */
  readonly components: readonly (readonly number[])[];
  /** Standard deviation of y around β_kᵀ x; greater than 0. */
  readonly sigma: number;
}

export interface Observation {
  /** [d] */
  readonly x: readonly number[];
  readonly y: number;
}

/**
 * p(k | examples) ∝ α_k Π_i N(y_i; β_kᵀ x_i, σ²): which component the examples are of. [K], summing to 1; without
 * examples the prior α.
 */
export function posterior(mixture: Mixture, examples: readonly Observation[]): number[] {
  const { weights, components, sigma } = mixture;
  const logs = components.map((beta, k) => {
    const squares = examples.reduce((sum, { x, y }) => sum + (y - dot(beta, x)) ** 2, 0);
    return Math.log(weights[k]!) - squares / (2 * sigma ** 2);
  });
  const largest = Math.max(...logs);
  const masses = logs.map((log) => Math.exp(log - largest));
  const total = masses.reduce((sum, mass) => sum + mass, 0);
  return masses.map((mass) => mass / total);
}

/** Σ_k w_k β_k: the regression of y on x that a mixture with weights w amounts to. */
export function mixed(components: Mixture['components'], weights: readonly number[]): number[] {
  const first = components[0]!;
  return first.map((_, j) => components.reduce((sum, beta, k) => sum + weights[k]! * beta[j]!, 0));
}

/** E[y | x, examples] = Σ_k p(k | examples) β_kᵀ x: the answer of least expected squared error. */
export function posteriorMean(
  mixture: Mixture,
  x: readonly number[],
  examples: readonly Observation[],
): number {
  return dot(mixed(mixture.components, posterior(mixture, examples)), x);
}

export function dot(a: readonly number[], b: readonly number[]): number {
  if (a.length !== b.length)
    throw new RangeError(`vectors of ${a.length} and ${b.length} numbers have no product`);
  return a.reduce((sum, value, index) => sum + value * b[index]!, 0);
}
