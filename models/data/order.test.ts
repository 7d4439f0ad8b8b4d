import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lengthFor, paddedLengths } from './lengths.js';
import { orderOf, type OrderOptions } from './order.js';

const base: OrderOptions = { rows: 10, batch: 4, accumulation: 1, shuffle: false, seed: 0 };

describe('the order of rows', () => {
  it('is that of the file without shuffling, the last batch of an epoch smaller', () => {
    const order = orderOf(base);
    expect(order.stepsPerEpoch).toBe(3);
    expect([0, 1, 2, 3].map((step) => order.at(step))).toEqual([
      [[0, 1, 2, 3]],
      [[4, 5, 6, 7]],
      [[8, 9]],
      [[0, 1, 2, 3]],
    ]);
  });

  it('has several micro-batches a step where gradients are accumulated, and fewer in the last of an epoch', () => {
    const order = orderOf({ ...base, batch: 2, accumulation: 3 });
    expect(order.stepsPerEpoch).toBe(2);
    expect(order.at(0)).toEqual([
      [0, 1],
      [2, 3],
      [4, 5],
    ]);
    expect(order.at(1)).toEqual([
      [6, 7],
      [8, 9],
    ]);
  });

  const anyOrder = fc.record({
    rows: fc.integer({ min: 1, max: 300 }),
    batch: fc.integer({ min: 1, max: 9 }),
    accumulation: fc.integer({ min: 1, max: 4 }),
    shuffle: fc.boolean(),
    seed: fc.nat(),
    byLength: fc.boolean(),
  });

  it('has every row once in every epoch, and depends on the step alone', () => {
    fc.assert(
      fc.property(anyOrder, ({ byLength, ...rest }) => {
        const lengths = byLength ? Array.from({ length: rest.rows }, (_, row) => (row * 7) % 13) : undefined;
        const options = { ...rest, ...(lengths === undefined ? {} : { lengths }) };
        const order = orderOf(options);
        const steps = Array.from({ length: 2 * order.stepsPerEpoch }, (_, step) => order.at(step));
        for (const epoch of [steps.slice(0, order.stepsPerEpoch), steps.slice(order.stepsPerEpoch)]) {
          const seen = epoch.flat(2).sort((a, b) => a - b);
          expect(seen).toEqual(Array.from({ length: rest.rows }, (_, row) => row));
        }
        const middle = Math.floor(steps.length / 2);
        expect(orderOf(options).at(middle)).toEqual(steps[middle]);
      }),
    );
  });

  it('differs from epoch to epoch and from seed to seed when shuffled', () => {
    const shuffled = (seed: number, step: number) =>
      orderOf({ ...base, rows: 64, shuffle: true, seed }).at(step);
    expect(shuffled(0, 0)).not.toEqual(shuffled(1, 0));
    expect(shuffled(0, 0)).not.toEqual(shuffled(0, 16));
  });

  it('brings rows of like length together, mixed batches aside', () => {
    const lengths = Array.from({ length: 400 }, (_, row) => 1 + ((row * 37) % 100));
    const order = orderOf({ ...base, rows: 400, shuffle: true, lengths });
    const spreads = Array.from({ length: order.stepsPerEpoch }, (_, step) => {
      const found = order
        .at(step)
        .flat()
        .map((row) => lengths[row]!);
      return Math.max(...found) - Math.min(...found);
    });
    expect(Math.max(...spreads)).toBeLessThan(20);
    const firsts = Array.from({ length: 8 }, (_, step) => lengths[order.at(step)[0]![0]!]!);
    expect(firsts).not.toEqual([...firsts].sort((a, b) => b - a));
  });
});

describe('the lengths that rows are padded to', () => {
  it('are few, hold every row, and waste less than the rows take', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 1 }), (lengths) => {
        const available = paddedLengths(lengths, 500);
        expect(available.length).toBeLessThanOrEqual(6);
        for (const length of lengths) expect(lengthFor(available, length)).toBeGreaterThanOrEqual(length);
        expect(Math.max(...available)).toBeLessThanOrEqual(500);
      }),
    );
  });

  it('are the one length of all rows, if they have one', () => {
    expect(paddedLengths([13, 13], 20)).toEqual([13]);
    expect(paddedLengths([13, 14, 3], 20)).toEqual([8, 16]);
    expect(paddedLengths([13, 19], 19)).toEqual([16, 19]);
  });
});
