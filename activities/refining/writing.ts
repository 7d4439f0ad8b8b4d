/** @file Answers that a strong model writes behind prompts of a procedure, as labels. */
import { UserError } from '../../base/errors.js';
import type { Item, Label } from '../../datasets/task.js';
import type { Answerer } from '../answering/answerer.js';
import type { RefineWork } from './procedure.js';

/** @throws UserError where the model does not write texts */
export function writerOf({ answerer, context, asked }: RefineWork): NonNullable<Answerer['write']> {
  if (answerer.write !== undefined) return (prompts, options) => answerer.write!(prompts, options);
  throw new UserError(
    `${context.stage.title}: ${asked.procedure} asks the strong model in words, and this model does not write any. ` +
      'Use it on a task that is answered in words, with a language model.',
  );
}

/** An answer in words. */
export function written(item: Item, answer: string): Label {
  return { id: item.id, label: 0, probabilities: [], answer };
}
