import { describe, expect, test } from 'vitest';
import type { GapRecovered } from '../report/results.js';
import { formatGap, formatInterval, formatNumber } from './format.js';

describe('formatInterval', () => {
  test('of a mean, of a share, and of one cell', () => {
    expect(formatInterval({ mean: 0.8519, low: 0.8109, high: 0.8931, level: 0.95 })).toBe(
      '0.852 [0.811, 0.893]',
    );
    expect(formatInterval({ value: 0.5, low: 0, high: 1, level: 0.95 }, 2)).toBe('0.50 [0.00, 1.00]');
    expect(formatInterval({ mean: 0.8519, low: null, high: null, level: 0.95 })).toBe('0.852 (no interval)');
  });
});

describe('formatGap', () => {
  const gap: GapRecovered = {
    value: 0.524,
    low: 0.312,
    high: 0.741,
    level: 0.95,
    cells: 16,
    kind: 'bounded',
  };

  test.each<[string, Partial<GapRecovered>]>([
    ['0.52 [0.31, 0.74]', {}],
    ['0.52 [0.31, ∞)', { high: null }],
    ['0.52 (one cell)', { kind: 'unbounded', low: null, high: null, cells: 1 }],
    ['0.52 (unbounded: ceiling − weak is within noise)', { kind: 'unbounded', low: null, high: null }],
    [
      '0.52 (unbounded, outside −3.10 … 0.21: ceiling − weak is within noise)',
      { kind: 'exclusive', low: -3.1, high: 0.21 },
    ],
    ['– (no gap: the ceiling is not above the weak supervisor)', { value: null, kind: 'unbounded' }],
  ])('%s', (text, change) => {
    expect(formatGap({ ...gap, ...change })).toBe(text);
  });
});

test('numbers have a true minus sign, and zero has none', () => {
  expect(formatNumber(-0.134, 2)).toBe('−0.13');
  expect(formatNumber(-0.001, 2)).toBe('0.00');
  expect(formatNumber(-Infinity, 2)).toBe('−∞');
});
