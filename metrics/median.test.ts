/** @file The median PGR over tasks. */
import { expect, test } from 'vitest';
import { median, medianGap } from './median.js';
import type { CellAccuracies } from './pgr.js';

const task = (recovered: number, gap = 0.2): CellAccuracies[] =>
  [0, 0.01, -0.01].map((noise) => ({
    weak: 0.6 + noise,
    student: 0.6 + recovered * gap,
    ceiling: 0.6 + gap,
  }));

test('is over tasks, each with its baselines averaged over seeds', () => {
  expect(medianGap([task(0.2), task(0.3), task(0.9)], 'x')).toMatchObject({ tasks: 3, excluded: 0 });
  expect(medianGap([task(0.2), task(0.3), task(0.9)], 'x').value).toBeCloseTo(0.3, 12);
  expect(medianGap([task(0.2), task(0.4)], 'x')).toMatchObject({ low: null, high: null });
});

test('leaves out tasks without a gap, and counts them', () => {
  const found = medianGap([task(0.2), task(0.3), task(0.9), task(1, -0.1)], 'x');
  expect(found).toMatchObject({ tasks: 3, excluded: 1 });
  expect(found.value).toBeCloseTo(0.3, 12);
  expect(medianGap([task(1, 0)], 'x')).toMatchObject({ value: null, tasks: 0, excluded: 1 });
});

test('has an interval that is the same at every call, and holds the median', () => {
  const tasks = [0.1, 0.2, 0.3, 0.5, 0.8].map((recovered) => task(recovered));
  const found = medianGap(tasks, 'naive');
  expect(medianGap(tasks, 'naive')).toEqual(found);
  expect(medianGap(tasks, 'other')).not.toEqual(found);
  expect(found.low!).toBeLessThan(0.3);
  expect(found.high!).toBeGreaterThan(0.3);
});

test('of risks is over what was taken off', () => {
  const turned = [0.2, 0.3, 0.9].map((recovered) =>
    task(recovered).map(({ weak, student, ceiling }) => ({
      weak: -weak,
      student: -student,
      ceiling: -ceiling,
    })),
  );
  expect(medianGap(turned, 'x', { higherIsBetter: false }).value).toBeCloseTo(0.3, 12);
  expect(medianGap(turned, 'x').value).toBeNull();
});

test('of numbers is the middle one, or between the middle two', () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2.5);
  expect(() => median([])).toThrow('there is no median of nothing');
});
