import { describe, expect, test } from 'vitest';
import { covariance, meanInterval, normalQuantile, studentQuantile } from './interval.js';

describe('quantiles', () => {
  // scipy.stats.t.ppf(0.975, degrees)
  test.each([
    [1, 12.706204736174694],
    [2, 4.302652729749462],
    [15, 2.131449545559776],
    [100, 1.9839715185235518],
  ])('of Student at %i degrees of freedom', (degrees, expected) => {
    expect(Math.abs(studentQuantile(0.975, degrees) / expected - 1)).toBeLessThan(1e-7);
    expect(studentQuantile(0.025, degrees)).toBeCloseTo(-studentQuantile(0.975, degrees), 9);
  });

  test('of the normal distribution', () => {
    expect(normalQuantile(0.975)).toBeCloseTo(1.959963984540054, 12);
  });

  test('there are none at 0, at 1, or without a degree of freedom', () => {
    expect(() => normalQuantile(1)).toThrow(RangeError);
    expect(() => studentQuantile(0, 3)).toThrow(RangeError);
    expect(() => studentQuantile(0.975, 0)).toThrow('at least one degree of freedom');
  });
});

describe('meanInterval', () => {
  test('is the t interval that SciPy gives', () => {
    const interval = meanInterval([0.84375, 0.9375, 0.8125, 0.90625, 0.875, 0.9375]);
    expect(interval.mean).toBeCloseTo(0.8854166666666666, 14);
    expect(interval.low).toBeCloseTo(0.8318628784242434, 8);
    expect(interval.high).toBeCloseTo(0.9389704549090898, 8);
  });

  test('of one cell has infinite ends', () => {
    expect(meanInterval([0.8])).toEqual({ mean: 0.8, low: null, high: null, level: 0.95 });
  });

  test('of equal cells has no width, and of no cells does not exist', () => {
    expect(meanInterval([0.5, 0.5, 0.5])).toEqual({ mean: 0.5, low: 0.5, high: 0.5, level: 0.95 });
    expect(() => meanInterval([])).toThrow('there is no mean of nothing');
  });
});

test('covariance divides by n − 1 and wants pairs', () => {
  expect(covariance([1, 2, 3], [2, 4, 9])).toBeCloseTo(3.5, 12);
  expect(() => covariance([1, 2], [1])).toThrow('2 and 1 values are not pairs');
});
