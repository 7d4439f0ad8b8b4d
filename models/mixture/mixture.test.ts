import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Random } from '../../base/random.js';
import { drawSource, orthogonalTo } from '../../datasets/mixture/source.js';
import { dot, mixed, posterior, posteriorMean, type Mixture, type Observation } from './mixture.js';
import { shrunkenFit } from './shrunken-fit.js';
import { symmetricEigen } from './symmetric-eigen.js';

interface Fixtures {
  posteriors: (Mixture & {
    xs: number[][];
    ys: number[];
    question: number[];
    posterior: number[];
    mean: number;
  })[];
  fits: {
    shrinkage: number;
    start: number[];
    xs: number[][];
    ys: number[];
    weights: number[];
    fitted: number[];
  }[];
  eigen: { matrix: number[][]; values: number[] };
}
const fixtures = JSON.parse(
  readFileSync(new URL('../fixtures/mixture.json', import.meta.url), 'utf8'),
) as Fixtures;

function expectClose(found: readonly number[], expected: readonly number[], tolerance = 1e-12): void {
  expect(found).toHaveLength(expected.length);
  found.forEach((value, i) => expect(Math.abs(value - expected[i]!)).toBeLessThan(tolerance));
}

describe("NumPy's numbers (fixtures/mixture.py)", () => {
  it.each(fixtures.posteriors.map((each) => [each.xs.length, each] as const))(
    'the posterior after %i examples, and its mean',
    (_, { xs, ys, question, ...expected }) => {
      const examples = xs.map((x, i) => ({ x, y: ys[i]! }));
      expectClose(posterior(expected, examples), expected.posterior);
      expect(posteriorMean(expected, question, examples)).toBeCloseTo(expected.mean, 12);
    },
  );

  it.each(fixtures.fits.map((each) => [each.xs.length, each.shrinkage, each] as const))(
    'the fit of %i observations with shrinkage %d',
    (_, shrinkage, { start, xs, ys, weights, fitted }) => {
      const observations = xs.map((x, i) => ({ x, y: ys[i]!, weight: weights[i]! }));
      expectClose(shrunkenFit(observations, start, shrinkage), fitted, 1e-10);
    },
  );

  it('eigenvalues, and vectors that turn the matrix into them', () => {
    const { matrix, values: expected } = fixtures.eigen;
    const { values, vectors } = symmetricEigen(matrix);
    expectClose(
      [...values].sort((a, b) => a - b),
      expected,
      1e-10,
    );
    vectors.forEach((vector, j) => {
      const image = matrix.map((row) => dot(row, vector));
      expectClose(
        image,
        vector.map((value) => values[j]! * value),
        1e-10,
      );
    });
  });
});

const shape = { dimension: 16, components: 8, sigma: 1 };
const source = drawSource(shape, 3);
const random = Random.of(3, 'mixture', 'test');
const xOf = (): number[] => Array.from({ length: 16 }, () => 2 * random.uniform() - 1);
/** |β − β_0|² / 3: the excess risk of a regression β for the target β_0, since E x xᵀ = I / 3. */
const risk = (beta: readonly number[]): number =>
  beta.reduce((sum, value, j) => sum + (value - source.components[0]![j]!) ** 2, 0) / 3;
const labelled = (count: number, beta: readonly number[], noise: number): Observation[] =>
  Array.from({ length: count }, xOf).map((x) => ({ x, y: dot(beta, x) + noise * random.normal() }));
const weighing = (observations: readonly Observation[]) =>
  observations.map((observation) => ({ ...observation, weight: 1 }));

describe('the theory of 2405.16236', () => {
  const biased = mixed(
    [source.components[0]!, orthogonalTo(source.components, shape, Random.of(3, 'v'))],
    [0.6, 0.4],
  );
  const prior = mixed(source.components, source.weights);

  it('components are orthonormal, and a weak bias is at right angles to those of other concepts', () => {
    source.components.forEach((beta, k) =>
      source.components.forEach((other, l) => expect(dot(beta, other)).toBeCloseTo(Number(k === l), 12)),
    );
    source.components.slice(1).forEach((beta) => expect(dot(beta, biased)).toBeCloseTo(0, 12));
  });

  it('without examples the strong model answers with its prior', () => {
    const x = xOf();
    expect(posterior(source, [])).toEqual(source.weights);
    expect(posteriorMean(source, x, [])).toBeCloseTo(dot(prior, x), 12);
  });

  it('the posterior concentrates on the concept of biased examples, ever more', () => {
    const off = [4, 16, 64, 256].map((count) => {
      const masses = Array.from(
        { length: 40 },
        () => 1 - posterior(source, labelled(count, biased, 0.5))[0]!,
      );
      return masses.reduce((sum, mass) => sum + mass, 0) / masses.length;
    });
    expect(off[1]).toBeLessThan(off[0]!);
    expect(off[2]).toBeLessThan(0.2 * off[1]!);
    expect(off[3]).toBeLessThan(1e-6);
  });

  it('naive fine-tuning is stuck between the biases of source and supervisor, whatever its shrinkage', () => {
    const data = weighing(labelled(4000, biased, 0.5));
    // On the way from one to the other, the nearest one comes to the target.
    const steps = Array.from({ length: 1001 }, (_, i) => i / 1000);
    const nearest = Math.min(...steps.map((share) => risk(mixed([biased, prior], [1 - share, share]))));
    expect(nearest).toBeGreaterThan(0.05);
    for (const shrinkage of [0, 0.01, 0.1, 1 / 3, 1, 10]) {
      const found = risk(shrunkenFit(data, prior, shrinkage));
      expect(found).toBeGreaterThan(nearest - 0.005);
      const share = shrinkage / (1 / 3 + shrinkage);
      expect(Math.abs(found - risk(mixed([biased, prior], [1 - share, share])))).toBeLessThan(0.01);
    }
  });

  it('refined labels teach a student more than all weak labels do', () => {
    const pool = labelled(300, biased, 0.5);
    const refined = pool.map(({ x }, i) => {
      const examples = Array.from({ length: 40 }, (_, j) => pool[(i + 1 + 11 * j) % pool.length]!);
      return { x, y: posteriorMean(source, x, examples) };
    });
    const naive = risk(shrunkenFit(weighing(pool), prior, 0.01));
    expect(risk(shrunkenFit(weighing(refined), prior, 0.01))).toBeLessThan(0.2 * naive);
  });
});

describe('what cannot be fitted', () => {
  it.each([
    ['no weight', [{ x: [1, 2], y: 1, weight: 0 }], 0],
    ['negative shrinkage', [{ x: [1, 2], y: 1, weight: 1 }], -1],
    ['another dimension', [{ x: [1], y: 1, weight: 1 }], 0],
  ])('%s', (_, observations, shrinkage) => {
    expect(() => shrunkenFit(observations, [0, 0], shrinkage)).toThrow(RangeError);
  });
});
