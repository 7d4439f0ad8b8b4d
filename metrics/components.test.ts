/** @file Means over cells that share tasks, seeds and test items. */
import { describe, expect, test } from 'vitest';
import { Random } from '../base/random.js';
import { cellsInterval, meanOverCells, satterthwaite, type CellValues } from './components.js';
import { covariance, meanInterval } from './interval.js';

/** One cell for each task and seed. */
function crossed(values: readonly (readonly number[])[]): CellValues[] {
  return values.flatMap((row, task) =>
    row.map((value, seed) => ({
      values: [value],
      levels: { task: String(task), seed: String(seed) },
    })),
  );
}

const table = [
  [0.7, 0.74, 0.78],
  [0.8, 0.83, 0.9],
  [0.6, 0.68, 0.69],
  [0.75, 0.8, 0.84],
];

describe('a balanced design', () => {
  const tasks = table.length;
  const seeds = 3;
  const total = tasks * seeds;
  const grand = table.flat().reduce((sum, value) => sum + value, 0) / total;
  const squares = (means: number[], each: number): number =>
    each * means.reduce((sum, mean) => sum + (mean - grand) ** 2, 0);
  const meanOf = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const taskMeans = table.map((row) => meanOf([...row]));
  const seedMeans = [0, 1, 2].map((seed) => meanOf(table.map((row) => row[seed]!)));
  const between = squares(table.flat(), 1);
  const [ofTasks, ofSeeds] = [squares(taskMeans, seeds), squares(seedMeans, tasks)];
  const rest = (between - ofTasks - ofSeeds) / ((tasks - 1) * (seeds - 1));

  test('has the components of the analysis of variance', () => {
    const { parts } = meanOverCells(crossed(table));
    const varianceOf = (factor: string) => parts.find((part) => part.factor === factor)!.variance[0]![0]!;
    expect(varianceOf('cell')).toBeCloseTo(rest, 12);
    expect(varianceOf('task')).toBeCloseTo((ofTasks / (tasks - 1) - rest) / seeds, 12);
    expect(varianceOf('seed')).toBeCloseTo((ofSeeds / (seeds - 1) - rest) / tasks, 12);
  });

  test('has the variance of the mean (MS task + MS seed − MS rest) / cells', () => {
    const { means, covariance: found } = meanOverCells(crossed(table));
    expect(means[0]).toBeCloseTo(grand, 12);
    const expected = (ofTasks / (tasks - 1) + ofSeeds / (seeds - 1) - rest) / total;
    expect(found[0]![0]).toBeCloseTo(expected, 12);
  });
});

test('cells that share nothing have the t interval of their mean', () => {
  const values = [0.7, 0.8, 0.75, 0.9];
  const cells = values.map((value, seed) => ({ values: [value], levels: { seed: String(seed), task: 'a' } }));
  const plain = meanInterval(values);
  const found = cellsInterval(cells);
  expect(found.low).toBeCloseTo(plain.low!, 12);
  expect(found.high).toBeCloseTo(plain.high!, 12);
});

test('two seeds over many tasks say nothing of seeds: the interval is that of cells, and of tasks', () => {
  const two = crossed(table.map((row) => row.slice(0, 2)));
  expect(meanOverCells(two).parts.map(({ factor }) => factor)).toEqual(['task', 'cell']);
});

test('a factor whose levels are alike is left out', () => {
  const alike = crossed([
    [0.1, 0.9, 0.4],
    [0.9, 0.1, 0.6],
    [0.5, 0.5, 0.5],
  ]);
  expect(meanOverCells(alike).parts.map(({ factor }) => factor)).toEqual(['cell']);
});

test('factors that part the cells alike count once, and missing cells do no harm', () => {
  const cells = crossed(table).map((cell) => ({
    ...cell,
    levels: { ...cell.levels, pair: cell.levels['task']! },
  }));
  const found = meanOverCells(cells.slice(1));
  expect(found.parts.map(({ factor }) => factor)).toEqual(['task', 'seed', 'cell']);
  expect(found.covariance[0]![0]).toBeGreaterThan(0);
});

test('two values that vary together have a covariance that no direction makes negative', () => {
  const random = Random.of(4, 'pairs');
  for (let draw = 0; draw < 50; draw++) {
    const cells = crossed(table).map(({ levels }) => {
      const shared = random.normal();
      return { levels, values: [shared + 0.1 * random.normal(), shared + 0.1 * random.normal()] };
    });
    const [[a, b], [, d]] = meanOverCells(cells).covariance as [[number, number], [number, number]];
    expect(a * d - b * b).toBeGreaterThanOrEqual(-1e-15);
  }
});

describe('test items that cells share', () => {
  const random = Random.of(5, 'items');
  const items = 100;
  const ease = Array.from({ length: items }, () => random.normal());
  /** What items score is their own, but for a little noise: seeds hardly differ. */
  const cells = (isShared: boolean): CellValues[] =>
    [0, 1, 2, 3].map((seed) => {
      const scores = ease.map((eased) => eased + 0.1 * random.normal());
      const value = scores.reduce((sum, score) => sum + score, 0) / items;
      const ids = scores.map((_, item) => (isShared ? item : seed * items + item));
      return { values: [value], levels: { seed: String(seed) }, items: { ids, values: [scores] } };
    });

  test('are counted once: the interval is as wide as one over items', () => {
    const found = meanOverCells(cells(true));
    const overItems = covariance(ease, ease) / items;
    expect(found.covariance[0]![0]! / overItems).toBeGreaterThan(0.9);
    expect(found.covariance[0]![0]! / overItems).toBeLessThan(1.1);
    expect(found.degrees([1])).toBeGreaterThan(90);
  });

  test('that only have the same scores, and are others, change nothing', () => {
    const own = cells(false);
    const values = own.map((cell) => cell.values[0]!);
    expect(meanOverCells(own).covariance[0]![0]).toBeCloseTo(covariance(values, values) / 4, 15);
  });
});

test('degrees of freedom are those of the term that dominates', () => {
  expect(satterthwaite([{ variance: 1, degrees: 3 }])).toBe(3);
  expect(
    satterthwaite([
      { variance: 1, degrees: 3 },
      { variance: 1e-9, degrees: 50 },
    ]),
  ).toBeCloseTo(3, 6);
});

test('one cell, and none, have no variance', () => {
  expect(() => meanOverCells([])).toThrow('there is no mean of nothing');
  expect(() => meanOverCells(crossed([[0.5]]))).toThrow('one cell tells nothing of how cells differ');
  expect(cellsInterval(crossed([[0.5]]))).toEqual({ mean: 0.5, low: null, high: null, level: 0.95 });
});
