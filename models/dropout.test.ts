/** @file Dropout: as many as asked for, independent of each other, other ones at each step and place. */
import { afterAll, describe, expect, it } from 'vitest';
import { evaluate } from '../onnx/evaluate.js';
import { Graph } from '../onnx/graph.js';
import { closeSessions } from '../onnx/session.js';
import { dropoutIn, dropoutInput, dropoutWords } from './dropout.js';

afterAll(closeSessions);

const [rows, width, places] = [96, 128, 3];

/** 1 where an element was kept, for each place. */
async function masks(probability: number, seed: number, step: number, part = 0): Promise<number[][]> {
  const graph = new Graph();
  const { dtype, shape } = dropoutInput(places);
  const seeds = graph.constant(dtype, shape, dropoutWords(places, seed, step, part));
  const dropout = dropoutIn(seeds, probability);
  const ones = graph.input('x', 'float32', [rows, width]);
  const outputs = Object.fromEntries(
    Array.from({ length: places }, (_, place) => [`${place}`, dropout(ones, place)]),
  );
  const results = await evaluate(outputs, {
    x: { shape: [rows, width], data: new Float32Array(rows * width).fill(1) },
  });
  return Array.from({ length: places }, (_, place) => Array.from(results[`${place}`]!.data, Number));
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
/** Correlation of two rows of zeros and others. */
function correlation(a: readonly number[], b: readonly number[]): number {
  const [meanA, meanB] = [mean(a), mean(b)];
  const cov = mean(a.map((value, i) => (value - meanA) * ((b[i] as number) - meanB)));
  return cov / Math.sqrt(mean(a.map((v) => (v - meanA) ** 2)) * mean(b.map((v) => (v - meanB) ** 2)));
}

describe('dropout', () => {
  it.each([0.1, 0.5, 0.8])('leaves out a share of %d and makes up for it', async (probability) => {
    for (const mask of await masks(probability, 1, 0)) {
      expect(new Set(mask)).toEqual(new Set([0, Math.fround(1 / (1 - probability))]));
      const left = mask.filter((value) => value === 0).length / mask.length;
      // Four standard deviations of as many independent draws.
      expect(Math.abs(left - probability)).toBeLessThan(
        4 * Math.sqrt((probability * (1 - probability)) / mask.length),
      );
    }
  });

  it('treats rows, columns, places, steps and parts independently', async () => {
    const [first, again, later, other] = await Promise.all([
      masks(0.5, 1, 0),
      masks(0.5, 1, 0),
      masks(0.5, 1, 1),
      masks(0.5, 1, 0, 1),
    ]);
    expect(again).toEqual(first);
    const bound = 4.5 / Math.sqrt(rows * width);
    const one = first[0] as number[];
    for (const mask of [first[1], first[2], later[0], other[0]]) {
      expect(Math.abs(correlation(one, mask as number[]))).toBeLessThan(bound);
    }
    const shifted = (by: number) => [...one.slice(by), ...one.slice(0, by)];
    for (const by of [1, 2, width, 2 * width, width + 1]) {
      expect(Math.abs(correlation(one, shifted(by))), `shifted by ${by}`).toBeLessThan(bound);
    }
    const perRow = Array.from({ length: rows }, (_, r) => mean(one.slice(r * width, (r + 1) * width)));
    const perColumn = Array.from({ length: width }, (_, c) =>
      mean(one.filter((_value, i) => i % width === c)),
    );
    // Means of independent draws: 1 ± 1/√n, and as far apart as that.
    for (const [means, n] of [
      [perRow, width],
      [perColumn, rows],
    ] as const) {
      const spread = Math.sqrt(mean(means.map((value) => (value - 1) ** 2))) * Math.sqrt(n);
      expect(spread).toBeGreaterThan(0.6);
      expect(spread).toBeLessThan(1.5);
    }
  });
});
