/** @file Grading an answer as its task does. */
import type { Grade, Item, TaskDefinition } from '../datasets/task.js';

/**
 * What an answer scores. A task without a grader of its own wants the truth word for word, but for white space at the
 * ends.
 */
export function gradeOf(
  task: Pick<TaskDefinition, 'grade'>,
  answer: string,
  truth: string,
  item: Item,
  parameters: Record<string, unknown> = {},
): Grade {
  return task.grade?.(answer, truth, item, parameters) ?? { score: answer.trim() === truth.trim() ? 1 : 0 };
}
