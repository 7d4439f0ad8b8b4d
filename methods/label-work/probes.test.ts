/** @file The probes against scikit-learn and PyTorch; the numbers come from ../fixtures/label-work.py. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../base/errors.js';
import { minimise } from './lbfgs.js';
import { fitLogistic } from './logistic.js';
import { nearestNeighbours } from './nearest.js';

interface Probed {
  readonly rows: number[][];
  readonly targets: number[][];
  readonly predictions: number[][];
}

const known = JSON.parse(readFileSync(new URL('../fixtures/label-work.json', import.meta.url), 'utf8')) as {
  nearest: (Probed & { k: number })[];
  logistic: (Probed & { l2: number; by: string })[];
};

/** The largest difference between two tables. */
function apart(a: readonly number[][], b: readonly number[][]): number {
  expect(a.length).toBe(b.length);
  return Math.max(...a.flatMap((row, i) => row.map((value, j) => Math.abs(value - b[i]![j]!))));
}

describe('k nearest neighbours', () => {
  it.each(known.nearest)('of $k are those of scikit-learn', ({ rows, targets, predictions, k }) => {
    expect(apart(nearestNeighbours(rows, targets, k), predictions)).toBeLessThan(1e-6);
  });

  it('count themselves, and the first of those equally far away', () => {
    const rows = [[0], [1], [-1], [5]];
    const targets = [[1], [2], [4], [8]];
    expect(nearestNeighbours(rows, targets, 1)).toEqual(targets);
    expect(nearestNeighbours(rows, targets, 2)).toEqual([[1.5], [1.5], [2.5], [5]]);
  });

  it('of too few items are refused, with what to do', () => {
    expect(() => nearestNeighbours([[0], [1]], [[1], [0]], 50)).toThrow(UserError);
    expect(() => nearestNeighbours([[0], [1]], [[1], [0]], 50)).toThrow(
      /needs 50 labelled items, and there are 2\. Ask for fewer/,
    );
  });
});

describe('logistic regression', () => {
  it.each(known.logistic)('with l2 = $l2 is that of $by', ({ rows, targets, predictions, l2 }) => {
    const fit = fitLogistic(rows, targets, l2);
    expect(fit.converged).toBe(true);
    expect(apart(fit.predictions, predictions)).toBeLessThan(1e-5);
  });

  it('of items of one class says that class, and ends', () => {
    const { predictions } = fitLogistic([[1], [2], [3]], [[0, 1], [0, 1], [0, 1]], 1e-3); // prettier-ignore
    for (const [, one] of predictions) expect(one).toBeGreaterThan(0.999);
  });

  it('of activations that say nothing gives everybody the share of each class', () => {
    const targets = [[1, 0, 0], [0, 1, 0], [0, 1, 0], [0.2, 0.3, 0.5]]; // prettier-ignore
    const { predictions } = fitLogistic([[0, 0], [0, 0], [0, 0], [0, 0]], targets, 1e-3); // prettier-ignore
    for (const row of predictions) expect(apart([row], [[0.3, 0.575, 0.125]])).toBeLessThan(1e-6);
  });
});

it('L-BFGS finds the bottom of a bent valley', () => {
  // Rosenbrock's function in four dimensions.
  const { point, value, converged } = minimise(
    (x, gradient) => {
      gradient.fill(0);
      let sum = 0;
      for (let i = 0; i + 1 < x.length; i++) {
        const bend = x[i + 1]! - x[i]! ** 2;
        sum += 100 * bend ** 2 + (1 - x[i]!) ** 2;
        gradient[i] = gradient[i]! - 400 * bend * x[i]! - 2 * (1 - x[i]!);
        gradient[i + 1] = gradient[i + 1]! + 200 * bend;
      }
      return sum;
    },
    Float64Array.of(-1.2, 1, -0.5, 2),
  );
  expect(converged).toBe(true);
  expect(value).toBeLessThan(1e-15);
  for (const entry of point) expect(entry).toBeCloseTo(1, 6);
});
