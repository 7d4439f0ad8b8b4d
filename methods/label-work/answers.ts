/** @file Several answers to one item, counted: by choice, or, in words, by what the task's grader counts as the same. */
import type { Item } from '../../datasets/task.js';
import type { WorkBench } from '../definition/label-work.js';

/** Answers in words that are one to the grader. */
export interface AnswerGroup {
  /** As they were given, in order. */
  readonly texts: readonly string[];
  /** What of all answers' weight is theirs. */
  readonly share: number;
}

/**
 * Groups answers in words, the first given ones first. An empty answer is none, and belongs to no group; nor does one
 * that the grader does not even take for itself, since it finds no final answer in it.
 * @param weights of the answers; default 1 each
 */
export function grouped(
  bench: Pick<WorkBench, 'same'>,
  item: Item,
  answers: readonly string[],
  weights?: readonly number[],
): AnswerGroup[] {
  const groups: { texts: string[]; weight: number }[] = [];
  let total = 0;
  answers.forEach((answer, index) => {
    const weight = weights?.[index] ?? 1;
    if (answer.trim() === '' || !bench.same(item, answer, answer)) return;
    total += weight;
    const group = groups.find(({ texts }) => bench.same(item, answer, texts[0]!));
    if (group === undefined) groups.push({ texts: [answer], weight });
    else {
      group.texts.push(answer);
      group.weight += weight;
    }
  });
  return groups.map(({ texts, weight }) => ({ texts, share: total > 0 ? weight / total : 0 }));
}

/** The group with the largest share; of several, the one that was given first. */
export function mostGiven(groups: readonly AnswerGroup[]): AnswerGroup | undefined {
  return groups.reduce<AnswerGroup | undefined>(
    (best, group) => (best === undefined || group.share > best.share + 1e-9 ? group : best),
    undefined,
  );
}
