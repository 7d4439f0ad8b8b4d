/** @file Shares of items: accuracy against the truth, agreement of two labellers, with binomial intervals. */
import type { Proportion } from '../report/results.js';
import { defaultLevel, normalQuantile, upperTail } from './interval.js';

/** An item's answer; truth and labels are such. */
export interface Answer {
  id: string;
  label: number;
}

/**
 * A share and its Wilson interval (Wilson 1927; Brown, Cai & DasGupta 2001, eq. 4): the values of p that a score test
 * does not reject. Chosen over Clopper–Pearson, which covers too much at test sets of this size (about 97 to 99 % at
 * n = 32), and over p ± z·se, which has no width at 0 and 1 and leaves [0, 1].
 */
export function proportion(correct: number, total: number, level = defaultLevel): Proportion {
  if (!(Number.isInteger(total) && total > 0))
    throw new RangeError(`a share of ${total} items is not defined`);
  if (!(Number.isInteger(correct) && correct >= 0 && correct <= total)) {
    throw new RangeError(`${correct} of ${total} is not a share`);
  }
  const value = correct / total;
  const z2 = normalQuantile(upperTail(level)) ** 2;
  const centre = (correct + z2 / 2) / (total + z2);
  const reach = Math.sqrt(z2 * (total * value * (1 - value) + z2 / 4)) / (total + z2);
  // At the ends the formula is exact; its floating-point value need not be.
  const low = correct === 0 ? 0 : centre - reach;
  const high = correct === total ? 1 : centre + reach;
  return { value, correct, total, low, high, level };
}

/** The share of right answers. Throws a RangeError unless both lists answer the same items, each once, in any order. */
export function accuracy(answers: readonly Answer[], truth: readonly Answer[], level?: number): Proportion {
  const labels = labelsById(truth);
  if (labels.size !== answers.length)
    throw new RangeError(`${answers.length} answers to ${labels.size} items`);
  let correct = 0;
  for (const [id, label] of labelsById(answers)) {
    const right = labels.get(id);
    if (right === undefined) throw new RangeError(`there is no truth for item ${id}`);
    if (right === label) correct++;
  }
  return proportion(correct, answers.length, level);
}

/** The share of items to which both give the same answer. */
export function agreement(a: readonly Answer[], b: readonly Answer[], level?: number): Proportion {
  return accuracy(a, b, level);
}

function labelsById(answers: readonly Answer[]): Map<string, number> {
  const labels = new Map<string, number>();
  for (const { id, label } of answers) {
    if (labels.has(id)) throw new RangeError(`item ${id} is answered twice`);
    labels.set(id, label);
  }
  return labels;
}
