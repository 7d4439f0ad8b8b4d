/** @file How alike two models answer: agreement, misfit, and whether they err together. */
import type { Label } from '../datasets/task.js';

/** A model's answers to items, and what each scored. */
export interface Scored {
  readonly answers: readonly Label[];
  readonly scores: readonly number[];
  /** The mean probability that it gives to the right choice, for tasks with choices. */
  readonly rightProbability?: number | undefined;
}

/**
 * How a student's answers compare with its supervisor's, both on the same items in the same order.
 * What does not exist for these answers is absent.
 *
 * For answers that are right or wrong (scores 1 and 0):
 *
 * - `agreement`: the share of items that both answer alike.
 * - `agreement where it is right`, `agreement where it is wrong`: the same among those items alone that the supervisor
 *   answers rightly, or wrongly. A student that has learnt the supervisor's errors agrees where it is wrong.
 * - `error overlap`: of the items that either answers wrongly, the share that both do.
 *
 * For answers with probabilities, and numbers:
 *
 * - `misfit`: mean squared distance between the answers (Charikar, Pabbaraju & Shiragur 2024, arXiv 2405.15116, theorem
 *   1: under its assumptions the student gains over the supervisor what it disagrees by). For probabilities half of the
 *   squared Euclidean distance, which for two classes is (p − q)². It needs no ground truth.
 *
 * For choices, with p̄ the mean probability that a model gives to the right one and |o| the number of choices:
 *
 * - `error similarity`: κp of CAPA (Goel et al. 2025, arXiv 2502.04313, section 2): (c_obs − c_exp) / (1 − c_exp), with
 *   c_obs the mean over items of Σ_o p(o) q(o) and c_exp = p̄ q̄ + (1 − p̄)(1 − q̄) · mean of 1 / (|o| − 1). 0 says
 *   that they agree as often as two independent models of their accuracy would; 1, that they answer the same.
 */
export function similarityOf(student: Scored, supervisor: Scored): Record<string, number> {
  const total = student.answers.length;
  if (supervisor.answers.length !== total || student.scores.length !== total)
    throw new RangeError(`${total} answers beside ${supervisor.answers.length}`);
  if (total === 0) return {};
  const pairs = student.answers.map((answer, item) => ({
    answer,
    other: supervisor.answers[item]!,
    isRight: student.scores[item] === 1,
    otherIsRight: supervisor.scores[item] === 1,
  }));
  for (const { answer, other } of pairs)
    if (answer.id !== other.id)
      throw new RangeError(`an answer to item ${answer.id} beside one to item ${other.id}`);

  const found: Record<string, number> = {};
  const put = (name: string, value: number | undefined): void => {
    if (value !== undefined && Number.isFinite(value)) found[name] = value;
  };
  if ([...student.scores, ...supervisor.scores].every((score) => score === 0 || score === 1)) {
    const alike = (some: typeof pairs): number | undefined =>
      some.length === 0 ? undefined : share(some.map(({ answer, other }) => same(answer, other)));
    put('agreement', alike(pairs));
    put('agreement where it is right', alike(pairs.filter(({ otherIsRight }) => otherIsRight)));
    put('agreement where it is wrong', alike(pairs.filter(({ otherIsRight }) => !otherIsRight)));
    const erring = pairs.filter((pair) => !pair.isRight || !pair.otherIsRight);
    if (erring.length > 0)
      put('error overlap', share(erring.map((pair) => !pair.isRight && !pair.otherIsRight)));
  }
  const distances = pairs.map(({ answer, other }) => squaredDistance(answer, other));
  if (distances.every((distance) => distance !== undefined)) put('misfit', mean(distances));
  const [p, q] = [student.rightProbability, supervisor.rightProbability];
  if (p !== undefined && q !== undefined) put('error similarity', chanceAdjusted(pairs, p, q));
  return found;
}

/** The comparisons there are, with a line for those who meet the number. */
export const similarities: Readonly<Record<string, string>> = {
  agreement: 'share of items answered as the weak supervisor does',
  'agreement where it is right': 'the same where the weak supervisor is right',
  'agreement where it is wrong': 'the same where the weak supervisor is wrong: errors learnt from it',
  'error overlap': 'of the items that either gets wrong, the share that both do',
  misfit: 'mean squared distance from the weak supervisor’s answers',
  'error similarity': 'agreement beyond that of independent models as accurate (CAPA’s κp)',
};

function same(a: Label, b: Label): boolean {
  return a.answer === undefined && b.answer === undefined
    ? a.label === b.label
    : a.answer?.trim() === b.answer?.trim();
}

function squaredDistance(a: Label, b: Label): number | undefined {
  if (a.probabilities.length > 0 && a.probabilities.length === b.probabilities.length)
    return a.probabilities.reduce((sum, p, index) => sum + (p - b.probabilities[index]!) ** 2, 0) / 2;
  if (a.answer === undefined || b.answer === undefined) return undefined;
  const difference = number(a.answer) - number(b.answer);
  return Number.isNaN(difference) ? undefined : difference ** 2;
}

/** NaN for what is no number, an empty text included. */
const number = (text: string): number => (text.trim() === '' ? NaN : Number(text));

/** κp, with the mean probability that each gives to the right choice. */
function chanceAdjusted(pairs: readonly { answer: Label; other: Label }[], p: number, q: number): number {
  const observed = mean(
    pairs.map(({ answer, other }) =>
      answer.probabilities.reduce(
        (sum, probability, index) => sum + probability * other.probabilities[index]!,
        0,
      ),
    ),
  );
  const elsewhere = mean(pairs.map(({ answer }) => 1 / (answer.probabilities.length - 1)));
  const expected = p * q + (1 - p) * (1 - q) * elsewhere;
  return (observed - expected) / (1 - expected);
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
const share = (values: readonly boolean[]): number => values.filter(Boolean).length / values.length;
