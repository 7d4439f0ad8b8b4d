/** @file How alike a student and its supervisor answer. */
import { describe, expect, test } from 'vitest';
import { Random } from '../base/random.js';
import { similarityOf, similarities, type Scored } from './similarity.js';

/** Answers to items 0, 1, … by the probability of the second choice, all of them rightly answered by it. */
function answering(probabilities: readonly number[], right: readonly number[]): Scored {
  const answers = probabilities.map((p, item) => ({
    id: `${item}`,
    label: p > 0.5 ? 1 : 0,
    probabilities: [1 - p, p],
  }));
  const scores = answers.map(({ label }, item) => (label === right[item] ? 1 : 0));
  const rightly = answers.reduce((sum, { probabilities: row }, item) => sum + row[right[item]!]!, 0);
  return { answers, scores, rightProbability: rightly / answers.length };
}

const right = [1, 1, 1, 1, 0, 0, 0, 0];
/** Wrong on the items 3 and 7. */
const weak = answering([0.9, 0.8, 0.7, 0.2, 0.1, 0.2, 0.3, 0.8], right);

test('agreement is split by whether the supervisor is right', () => {
  // Repeats the error on item 3, not that on 7, and makes one of its own on 0.
  const student = answering([0.1, 0.9, 0.9, 0.1, 0.1, 0.1, 0.1, 0.1], right);
  const found = similarityOf(student, weak);
  expect(found['agreement']).toBe(6 / 8);
  expect(found['agreement where it is right']).toBe(5 / 6);
  expect(found['agreement where it is wrong']).toBe(1 / 2);
  // Either errs on 0, 3 and 7; both on 3.
  expect(found['error overlap']).toBe(1 / 3);
});

test('misfit is the mean squared distance of the probabilities', () => {
  const student = answering([0.4, 0.8, 0.7, 0.2, 0.1, 0.2, 0.3, 0.8], right);
  expect(similarityOf(student, weak)['misfit']).toBeCloseTo((0.9 - 0.4) ** 2 / 8, 12);
  expect(similarityOf(weak, weak)['misfit']).toBe(0);
});

describe('error similarity (κp)', () => {
  test('is what its formula gives by hand', () => {
    // p̄ = q̄ = 0.9; c_obs = 0.9·0.9 + 0.1·0.1 = c_exp on each item.
    const certain = answering([0.9, 0.9, 0.9, 0.9, 0.1, 0.1, 0.1, 0.1], right);
    expect(similarityOf(certain, certain)['error similarity']).toBeCloseTo(0, 12);
    // Hard answers, one error each, on the same item: c_obs = 1.
    const hard = answering([1, 1, 1, 0, 0, 0, 0, 0], right);
    expect(similarityOf(hard, hard)['error similarity']).toBeCloseTo(1, 12);
    // On different items: c_obs = 6/8, c_exp = (7/8)² + (1/8)² = 50/64, κ = (48 − 50) / (64 − 50).
    const other = answering([1, 1, 1, 1, 0, 0, 0, 1], right);
    expect(similarityOf(hard, other)['error similarity']).toBeCloseTo(-2 / 14, 12);
  });

  test('of independent errors is about 0, however accurate the two are', () => {
    const random = Random.of(3, 'independent');
    const truth = Array.from({ length: 20_000 }, () => random.integer(2));
    const erring = (rate: number) =>
      answering(
        truth.map((label) => (random.uniform() < rate ? 1 - label : label)),
        truth,
      );
    const found = similarityOf(erring(0.1), erring(0.3));
    expect(Math.abs(found['error similarity']!)).toBeLessThan(0.02);
    // Plain agreement is far from 0, and overlap says little without the rates.
    expect(found['agreement']).toBeGreaterThan(0.6);
  });
});

test('numbers have a misfit and nothing else', () => {
  const answers = (values: number[]): Scored => ({
    answers: values.map((value, item) => ({
      id: `${item}`,
      label: 0,
      probabilities: [],
      answer: String(value),
    })),
    scores: values.map((value) => value ** 2),
  });
  expect(similarityOf(answers([1, 2, 5]), answers([1, 4, 4]))).toEqual({ misfit: 5 / 3 });
});

test('texts agree where they are the same but for white space at the ends', () => {
  const answers = (texts: string[], scores: number[]): Scored => ({
    answers: texts.map((answer, item) => ({ id: `${item}`, label: 0, probabilities: [], answer })),
    scores,
  });
  const found = similarityOf(answers(['18 ', 'no'], [1, 0]), answers(['18', 'yes'], [1, 0]));
  expect(found).toEqual({
    agreement: 0.5,
    'agreement where it is right': 1,
    'agreement where it is wrong': 0,
    'error overlap': 1,
  });
});

test('where the supervisor is never wrong, nothing is said of its errors', () => {
  const perfect = answering(right, right);
  const found = similarityOf(perfect, perfect);
  expect(found).not.toHaveProperty('agreement where it is wrong');
  expect(found).not.toHaveProperty('error overlap');
  expect(found).not.toHaveProperty('error similarity');
});

test('every comparison has its line', () => {
  const student = answering([0.1, 0.9, 0.9, 0.1, 0.1, 0.1, 0.1, 0.1], right);
  expect(Object.keys(similarityOf(student, weak)).sort()).toEqual(Object.keys(similarities).sort());
});

test('answers to other items are a mistake', () => {
  const turned = { ...weak, answers: [...weak.answers].reverse() };
  expect(() => similarityOf(turned, weak)).toThrow('an answer to item 7 beside one to item 0');
  expect(() => similarityOf({ answers: [], scores: [] }, weak)).toThrow('0 answers beside 8');
});
