/** @file One label from the answers of several contexts. */
import type { Item, Label } from '../../datasets/task.js';
import { gradeOf } from '../../metrics/grade.js';
import { labelOf } from '../answering/label.js';
import type { RefineWork } from './procedure.js';

/**
 * Answers with probabilities are averaged, or vote (the probabilities are then shares of votes). Numbers are averaged.
 * Of answers in words the most frequent is taken, the task's grader telling which are one answer, the first of equals;
 * all of them are kept as the label's texts.
 */
export function combined(work: RefineWork, item: Item, answers: readonly Label[]): Label {
  const [first] = answers;
  if (first === undefined) throw new RangeError(`nobody answered ${item.id}`);
  if (item.choices.length > 0) {
    const shares = answers.map(({ label, probabilities }) =>
      work.asked.combine === 'vote'
        ? probabilities.map((_, index) => (index === label ? 1 : 0))
        : probabilities,
    );
    return labelOf(item.id, mean(shares));
  }
  if (answers.length === 1) return first;
  const texts = answers.map(({ answer = '' }) => answer);
  if (work.task.answer === 'number') {
    const value = mean(texts.map((text) => [Number(text)]))[0]!;
    return { ...first, answer: String(value), texts };
  }
  const votes = texts.map(
    (text) =>
      texts.filter((other) => gradeOf(work.task, other, text, item, work.asked.grading).score >= 1).length,
  );
  const most = votes.indexOf(Math.max(...votes));
  return { ...first, answer: texts[most]!, texts };
}

function mean(rows: readonly (readonly number[])[]): number[] {
  const first = rows[0]!;
  return first.map((_, column) => rows.reduce((sum, row) => sum + row[column]!, 0) / rows.length);
}
