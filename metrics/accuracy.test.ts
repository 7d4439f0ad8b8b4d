import { describe, expect, test } from 'vitest';
import { accuracy, agreement, proportion } from './accuracy.js';

describe('proportion', () => {
  // scipy.stats.binomtest(correct, total).proportion_ci(0.95, 'wilson')
  test.each([
    [0, 32, 0, 0.1071791982550706],
    [26, 32, 0.6469084479862404, 0.9111045531043405],
    [32, 32, 0.8928208017449293, 1],
    [1714, 2142, 0.7827225033221501, 0.8165761982262656],
  ])('%i of %i has the Wilson interval that SciPy gives', (correct, total, low, high) => {
    const share = proportion(correct, total);
    expect(share).toMatchObject({ value: correct / total, correct, total, level: 0.95 });
    expect(share.low).toBeCloseTo(low, 12);
    expect(share.high).toBeCloseTo(high, 12);
  });

  test('an interval of no item, or of more right ones than there are, is a mistake', () => {
    expect(() => proportion(0, 0)).toThrow('a share of 0 items is not defined');
    expect(() => proportion(3, 2)).toThrow('3 of 2 is not a share');
  });
});

describe('accuracy', () => {
  const truth = [
    { id: 'a', label: 0 },
    { id: 'b', label: 1 },
    { id: 'c', label: 1 },
  ];

  test('joins answers and truth by id, whatever their order', () => {
    const answers = [
      { id: 'c', label: 1 },
      { id: 'a', label: 1 },
      { id: 'b', label: 1 },
    ];
    expect(accuracy(answers, truth)).toMatchObject({ correct: 2, total: 3, value: 2 / 3 });
    expect(agreement(answers, truth)).toEqual(accuracy(answers, truth));
  });

  test('an item that is missing, unknown or answered twice is never skipped', () => {
    const [a, b, c] = truth as [(typeof truth)[0], (typeof truth)[0], (typeof truth)[0]];
    expect(() => accuracy([a, b], truth)).toThrow('2 answers to 3 items');
    expect(() => accuracy([a, b, { id: 'd', label: 0 }], truth)).toThrow('there is no truth for item d');
    expect(() => accuracy([a, b, b], truth)).toThrow('item b is answered twice');
    expect(() => accuracy(truth, [a, b, c, c])).toThrow('item c is answered twice');
  });
});
