import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { epochOrder } from './order.js';

const sizes = fc.record({
  rows: fc.integer({ min: 1, max: 40 }),
  batch: fc.integer({ min: 1, max: 50 }),
  seed: fc.nat(99),
});

describe('the order of rows', () => {
  it('takes every row once an epoch, in full batches across the epochs’ ends', () => {
    fc.assert(
      fc.property(sizes, ({ rows, batch, seed }) => {
        const order = epochOrder(rows, batch, seed, 'test');
        const steps = Math.ceil((3 * rows) / batch);
        const batches = Array.from({ length: steps }, (_, step) => order(step));
        for (const each of batches) expect(each).toHaveLength(batch);
        const seen = batches.flat();
        for (const epoch of [0, 1, 2]) {
          const own = seen.slice(epoch * rows, (epoch + 1) * rows);
          expect(own.sort((a, b) => a - b)).toEqual(Array.from({ length: rows }, (_, row) => row));
        }
      }),
    );
  });

  it('is a function of the step alone, whichever steps were asked for before', () => {
    fc.assert(
      fc.property(sizes, fc.array(fc.nat(60), { minLength: 1 }), ({ rows, batch, seed }, steps) => {
        const resumed = epochOrder(rows, batch, seed, 'test');
        for (const step of steps) expect(resumed(step)).toEqual(epochOrder(rows, batch, seed, 'test')(step));
      }),
    );
  });

  it('differs by seed, purpose and epoch', () => {
    const first = (seed: number, purpose: string, step = 0): string =>
      epochOrder(50, 50, seed, purpose)(step).join(' ');
    const orders = [first(0, 'a'), first(1, 'a'), first(0, 'b'), first(0, 'a', 1)];
    expect(new Set(orders).size).toBe(orders.length);
  });

  it('of nothing is refused', () => {
    expect(() => epochOrder(0, 4, 0, 'test')).toThrow('nothing to train on');
  });
});
