/** @file Least squares with shrinkage towards where one comes from: the naive fine-tuning of the theory. */
import { dot, type Observation } from './mixture.js';
import { symmetricEigen } from './symmetric-eigen.js';

export interface WeightedObservation extends Observation {
  /** How much it counts; the weights' mean is made 1. */
  readonly weight: number;
}

/** Directions in which the data vary less than this, beside the most, are directions they say nothing of. */
const negligible = 1e-12;

/**
 * Naive fine-tuning (arXiv 2405.16236, propositions 3.1 and 3.2: fit of the weak labels, shrunken to the source),
 *
 *     β̂ = argmin_β  (1/n) Σ_i w_i (y_i − βᵀ x_i)² + λ |β − β₀|²
 *        = β₀ + (G + λ)⁻¹ (1/n) Σ_i w_i x_i (y_i − β₀ᵀ x_i),      G = (1/n) Σ_i w_i x_i x_iᵀ.
 *
 * λ stands beside the mean of the squares, not their sum, so that it does not fade as n grows. Without it (λ = 0), and
 * fewer observations than dimensions, it is the least change that fits: β₀ stays where the data say nothing.
 *
 * @param from β₀ [d]
 */
export function shrunkenFit(
  observations: readonly WeightedObservation[],
  from: readonly number[],
  shrinkage: number,
): number[] {
  if (!(shrinkage >= 0)) throw new RangeError(`shrinkage is 0 or more, not ${shrinkage}`);
  const total = observations.reduce((sum, { weight }) => sum + weight, 0);
  if (!(total > 0)) throw new RangeError('there is nothing to fit: no observation has a weight');
  const gram = from.map(() => from.map(() => 0));
  const pull = from.map(() => 0);
  for (const { x, y, weight } of observations) {
    const share = weight / total;
    const rest = share * (y - dot(from, x));
    x.forEach((value, i) => {
      pull[i]! += rest * value;
      const row = gram[i]!;
      x.forEach((other, j) => (row[j]! += share * value * other));
    });
  }
  const { values, vectors } = symmetricEigen(gram);
  const floor = negligible * Math.max(...values.map(Math.abs));
  const fitted = [...from];
  vectors.forEach((direction, j) => {
    if (values[j]! <= floor) return;
    const step = dot(direction, pull) / (values[j]! + shrinkage);
    direction.forEach((value, i) => (fitted[i]! += step * value));
  });
  return fitted;
}
