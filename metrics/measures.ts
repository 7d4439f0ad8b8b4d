/** @file The one list of what else is measured of a model's answers, beside its task's own metric. */
import type { AnswerKind, Grade, Label, Truth } from '../datasets/task.js';
import { auroc, macroAuroc } from './auroc.js';
import { brierScore, calibrationError } from './calibration.js';
import { balancedAccuracy, binaryF1, macroF1, weightedF1 } from './confusion.js';
import { preferenceAccuracy } from './preference.js';

/** A model's answers on a split beside the truth, both in the order of the split. */
export interface Answered {
  readonly kind: AnswerKind;
  readonly answers: readonly Label[];
  readonly truth: readonly Truth[];
  /** How many choices each item has; 0 where there are none, or where items differ in it. */
  readonly classes: number;
  /** What the task's grader says of each answer, for tasks that have one. */
  readonly grades?: readonly Grade[];
}

/** The same, as lists of numbers. */
interface Numbers {
  readonly classes: number;
  readonly predicted: readonly number[];
  readonly actual: readonly number[];
  readonly probabilities: readonly (readonly number[])[];
}

interface Measure {
  readonly name: string;
  /** Whether more of it is better. */
  readonly higherIsBetter: boolean;
  /** One line, for those who meet the number. */
  readonly summary: string;
  /** The tasks it says something about. Where choices mean another thing in each item, there are no classes. */
  readonly kinds: readonly AnswerKind[];
  /** Undefined where it does not exist for these answers. */
  readonly of: (numbers: Numbers) => number | undefined;
}

const overClasses = ['classes'] as const;
const overChoices = ['next-token', 'classes', 'preference'] as const;

/** The name of the measure that error similarity is computed from. */
export const rightProbability = 'probability of the right answer';

/** Every measure that needs nothing but the answers; the parts of grades come under their own names. */
export const measures: readonly Measure[] = [
  {
    name: 'balanced accuracy',
    higherIsBetter: true,
    summary: 'mean recall of the classes',
    kinds: overClasses,
    of: ({ predicted, actual, classes }) => balancedAccuracy(predicted, actual, classes),
  },
  {
    name: 'F1',
    higherIsBetter: true,
    summary: 'F1 of the second of two classes',
    kinds: overClasses,
    of: ({ predicted, actual, classes }) => (classes === 2 ? binaryF1(predicted, actual) : undefined),
  },
  {
    name: 'macro F1',
    higherIsBetter: true,
    summary: 'mean F1 of the classes',
    kinds: overClasses,
    of: ({ predicted, actual, classes }) => macroF1(predicted, actual, classes),
  },
  {
    name: 'weighted F1',
    higherIsBetter: true,
    summary: 'mean F1 of the classes, weighted by their frequency',
    kinds: overClasses,
    of: ({ predicted, actual, classes }) => weightedF1(predicted, actual, classes),
  },
  {
    name: 'AUROC',
    higherIsBetter: true,
    summary: 'area under the ROC curve, ties counting half; for more than two classes one against the rest',
    kinds: overClasses,
    of: ({ probabilities, actual, classes }) =>
      classes === 2
        ? auroc(
            probabilities.map((row) => row[1]!),
            actual.map((label) => label === 1),
          )
        : macroAuroc(probabilities, actual, classes),
  },
  {
    name: 'preference accuracy',
    higherIsBetter: true,
    summary: 'share of pairs told rightly, a tie counting half',
    kinds: ['preference'],
    of: ({ probabilities, actual }) => preferenceAccuracy(probabilities, actual),
  },
  {
    name: rightProbability,
    higherIsBetter: true,
    summary: 'mean probability given to the right answer',
    kinds: overChoices,
    of: ({ probabilities, actual }) =>
      probabilities.reduce((sum, row, item) => sum + row[actual[item]!]!, 0) / probabilities.length,
  },
  {
    name: 'ECE',
    higherIsBetter: false,
    summary: 'expected calibration error over 15 equally wide bins of the answer’s probability',
    kinds: overChoices,
    of: ({ probabilities, predicted, actual }) =>
      calibrationError(
        probabilities.map((row, item) => row[predicted[item]!]!),
        predicted.map((label, item) => label === actual[item]),
      ),
  },
  {
    name: 'Brier',
    higherIsBetter: false,
    summary: 'mean squared distance of the probabilities from the truth',
    kinds: overChoices,
    of: ({ probabilities, actual }) => brierScore(probabilities, actual),
  },
];

/**
 * Every measure that exists for these answers, by name. A measure that does not (AUROC of one class alone) is absent.
 * @throws RangeError where answers and truth are not of the same items in the same order
 */
export function measuresOf({ kind, answers, truth, classes, grades = [] }: Answered): Record<string, number> {
  if (answers.length !== truth.length)
    throw new RangeError(`${answers.length} answers to ${truth.length} items`);
  answers.forEach(({ id }, item) => {
    if (truth[item]!.id !== id)
      throw new RangeError(`answer ${item} is to item ${id}, truth ${item} of item ${truth[item]!.id}`);
  });
  const found: Record<string, number> = partsOf(grades);
  if (answers.length === 0) return found;
  const numbers: Numbers = {
    classes,
    predicted: answers.map(({ label }) => label),
    actual: truth.map(({ label }) => label),
    probabilities: answers.map(({ probabilities }) => probabilities),
  };
  for (const { name, kinds, of } of measures) {
    if (!kinds.includes(kind) || (kinds === overClasses && classes < 2)) continue;
    const value = of(numbers);
    if (value !== undefined) found[name] = value;
  }
  return found;
}

/** The mean of each part of the grades that have it. */
function partsOf(grades: readonly Grade[]): Record<string, number> {
  const sums = new Map<string, { sum: number; count: number }>();
  for (const [name, value] of grades.flatMap((grade) => Object.entries(grade.parts ?? {}))) {
    const { sum, count } = sums.get(name) ?? { sum: 0, count: 0 };
    sums.set(name, { sum: sum + value, count: count + 1 });
  }
  return Object.fromEntries([...sums].map(([name, { sum, count }]) => [name, sum / count]));
}
