import { describe, expect, test } from 'vitest';
import { candidatesSchema, drawCandidate } from './candidates.js';

const at = { seed: 0, question: 'q', where: 'f.jsonl, line 3' };
const row = {
  a: 'one',
  b: 'two',
  c: 'three',
  right: 1,
  list: ['x', 'y'],
  names: ['A', 'B'],
  key: 'B',
  said: 'two',
};
const draw = (given: object, values: object = row, question = 'q') =>
  drawCandidate(candidatesSchema.parse(given), { ...row, ...values }, { ...at, question });

describe('one candidate a row', () => {
  const byNumber = { answers: ['a', 'b', 'c'], right: 'right' };

  test('is right as often as wrong, and any of the wrong ones', () => {
    const drawn = Array.from({ length: 600 }, (_, i) => draw(byNumber, {}, `q${i}`));
    const right = drawn.filter(({ label }) => label === 'right');
    expect(right.every(({ text }) => text === 'two')).toBe(true);
    expect(Math.abs(right.length / 600 - 0.5)).toBeLessThan(0.07);
    const wrong = drawn.filter(({ label }) => label === 'wrong').map(({ text }) => text);
    expect(new Set(wrong)).toEqual(new Set(['one', 'three']));
  });

  test.each([
    [{ answers: ['list'], right: 'key', by: 'name', names: 'names' }, 'y'],
    [{ answers: ['a', 'b', 'c'], right: 'said', by: 'text' }, 'two'],
    [{ answers: ['a', 'b', 'c'], right: 'right', first: 1 }, 'one'],
  ])('%j finds the right one', (given, expected) => {
    const drawn = Array.from({ length: 20 }, (_, i) => draw(given, {}, `q${i}`));
    const right = drawn.filter(({ label }) => label === 'right').map(({ text }) => text);
    expect(new Set(right)).toEqual(new Set([expected]));
    expect(drawn.filter(({ label }) => label === 'wrong').map(({ text }) => text)).not.toContain(expected);
  });

  test('is never one that says that none is right, as the right one', () => {
    const drawn = Array.from({ length: 40 }, (_, i) => draw({ ...byNumber, never: ['two'] }, {}, `q${i}`));
    expect(drawn.every(({ label }) => label === 'wrong')).toBe(true);
  });

  test('does not call an answer wrong that is worded like the right one', () => {
    expect(draw(byNumber, { a: 'two', c: ' two ' })).toEqual({ text: 'two', label: 'right' });
  });

  test.each<[object, object, string]>([
    [byNumber, { right: 3 }, 'line 3, column "right": expected a number from 0 to 2, found 3'],
    [byNumber, { right: '' }, 'line 3, column "right": expected a number from 0 to 2, found ""'],
    [byNumber, { b: null }, 'line 3, column "b": expected an answer or a list of answers, found null'],
    [{ answers: ['a'], right: 'said', by: 'text' }, {}, 'expected one of the answers (one), found "two"'],
    [
      { answers: ['list'], right: 'key', by: 'name', names: 'names' },
      { key: 'C' },
      'expected one of the names (A, B), found "C"',
    ],
  ])('%j of %j is refused', (given, values, message) => {
    expect(() => draw(given, values)).toThrow(message);
  });
});
