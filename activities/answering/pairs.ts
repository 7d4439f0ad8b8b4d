/** @file The items of preference tasks as pairs of token ids. */
import type { Item, Label, TaskDefinition } from '../../datasets/task.js';
import type { Model } from '../../models/model.js';
import { cutsText, encodePair, type Pair } from '../../models/preference/pair.js';
import type { StageContext } from '../context.js';
import type { Question } from './answerer.js';

/** Reads pairs as a model does; {@link told} says once, in the log, what did not fit. */
export interface PairReader {
  /** An item and its two choices. */
  ofQuestion(question: Question): Pair;
  /** An item answered in words, and the better and the worse answer of a label. */
  ofTexts(item: Item, label: Label): Pair;
  told(): void;
}

export function pairReader(
  context: StageContext,
  task: TaskDefinition,
  { config, tokenizer }: Pick<Model, 'config' | 'tokenizer'>,
): PairReader {
  const cuts = { prompts: 0, responses: 0 };
  let pairs = 0;
  const read = (texts: Parameters<typeof encodePair>[0]): Pair => {
    pairs++;
    return encodePair(texts, tokenizer, config.context, cuts);
  };
  return {
    ofQuestion: ({ item, examples = [] }) =>
      read({ id: item.id, prompt: task.prompt(item, examples), responses: item.choices }),
    // A model that answers in words learns where an answer ends.
    ofTexts: (item, { texts = [] }) =>
      read({ id: item.id, prompt: task.prompt(item, []), responses: texts, ending: tokenizer.bos }),
    told: () => {
      const line = cutsText(cuts, pairs);
      if (line !== undefined) context.log(line);
    },
  };
}
