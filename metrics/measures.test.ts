/** @file Measures against scikit-learn's; the numbers come from fixtures/measures.py. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Grade, Label, Truth } from '../datasets/task.js';
import { auroc } from './auroc.js';
import { calibrationError } from './calibration.js';
import { measures, measuresOf, rightProbability } from './measures.js';
import { preferenceAccuracy } from './preference.js';

interface Case {
  name: string;
  probabilities: number[][];
  actual: number[];
  /** Null where scikit-learn refuses. */
  expected: Record<string, number | null>;
}

const cases = JSON.parse(
  readFileSync(new URL('./fixtures/measures.json', import.meta.url), 'utf8'),
) as Case[];

const labelsOf = (rows: number[][]): Label[] =>
  rows.map((probabilities, item) => ({
    id: `${item}`,
    label: probabilities.indexOf(Math.max(...probabilities)),
    probabilities,
  }));
const truthOf = (actual: number[]): Truth[] => actual.map((label, item) => ({ id: `${item}`, label }));

describe.each(cases)('$name', ({ probabilities, actual, expected }) => {
  const found = measuresOf({
    kind: 'classes',
    answers: labelsOf(probabilities),
    truth: truthOf(actual),
    classes: probabilities[0]!.length,
  });

  test.each(Object.entries(expected).filter(([, value]) => value !== null))('%s is %f', (name, value) => {
    expect(found[name]).toBeCloseTo(value!, 12);
  });
});

describe('what does not exist is absent', () => {
  const of = (name: string) => cases.find((known) => known.name === name)!;

  test('AUROC of one class alone, F1 of three', () => {
    const { probabilities, actual } = of('items of the first class alone');
    const alone = { answers: labelsOf(probabilities), truth: truthOf(actual), classes: 2 };
    expect(measuresOf({ kind: 'classes', ...alone })).not.toHaveProperty('AUROC');
    const three = of('three classes');
    const found = measuresOf({
      kind: 'classes',
      answers: labelsOf(three.probabilities),
      truth: truthOf(three.actual),
      classes: 3,
    });
    expect(found).not.toHaveProperty('F1');
  });

  test('an empty class has no curve: AUROC is the mean of the others', () => {
    const { probabilities, actual } = of('four classes, one that no item is of');
    const areas = [0, 1, 2].map((label) =>
      auroc(
        probabilities.map((row) => row[label]!),
        actual.map((truth) => truth === label),
      ),
    ) as number[];
    const found = measuresOf({
      kind: 'classes',
      answers: labelsOf(probabilities),
      truth: truthOf(actual),
      classes: 4,
    });
    expect(found['AUROC']).toBeCloseTo((areas[0]! + areas[1]! + areas[2]!) / 3, 12);
  });

  test('whatever is about classes, where choices mean another thing in each item', () => {
    const { probabilities, actual } = of('two classes');
    const answered = { answers: labelsOf(probabilities), truth: truthOf(actual), classes: 2 };
    expect(Object.keys(measuresOf({ kind: 'next-token', ...answered }))).toEqual([
      rightProbability,
      'ECE',
      'Brier',
    ]);
    expect(Object.keys(measuresOf({ kind: 'preference', ...answered }))).toEqual([
      'preference accuracy',
      rightProbability,
      'ECE',
      'Brier',
    ]);
    expect(measuresOf({ kind: 'text', ...answered, classes: 0 })).toEqual({});
  });
});

test('parts of grades are measures of their own: the mean over the items that have them', () => {
  const answered = {
    kind: 'text' as const,
    answers: labelsOf([[], [], []]),
    truth: truthOf([0, 0, 0]),
    classes: 0,
  };
  const grades: Grade[] = [
    { score: 1, parts: { content: 1, style: 0.5 } },
    { score: 0, parts: { content: 0 } },
    { score: 0 },
  ];
  expect(measuresOf({ ...answered, grades })).toEqual({ content: 0.5, style: 0.5 });
});

test('a pair that is not told apart counts half', () => {
  const pairs = [
    [0.9, 0.1],
    [0.5, 0.5],
    [0.9, 0.1],
  ];
  expect(preferenceAccuracy(pairs, [0, 0, 1])).toBe(0.5);
});

test('answers and truth are of the same items in the same order', () => {
  const answers = labelsOf([
    [1, 0],
    [0, 1],
  ]);
  const truth = truthOf([0, 1]);
  const of = (some: Label[], others: Truth[]) =>
    measuresOf({ kind: 'classes', answers: some, truth: others, classes: 2 });
  expect(() => of(answers.slice(1), truth)).toThrow('1 answers to 2 items');
  expect(() => of(answers, [...truth].reverse())).toThrow('answer 0 is to item 0, truth 0 of item 1');
});

test('names are unique', () => {
  expect(new Set(measures.map(({ name }) => name)).size).toBe(measures.length);
});

test('calibration of nothing does not exist', () => {
  expect(() => calibrationError([], [])).toThrow('0 confidences in 0 answers');
});
