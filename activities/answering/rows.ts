/** @file How items are put to a model: tokens of the prompt, and the tokens or classes to choose from. */
import { UserError } from '../../base/errors.js';
import type { Example, Item, TaskDefinition } from '../../datasets/task.js';
import type { GptConfig } from '../../models/gpt.js';
import type { Head } from '../../models/heads.js';
import type { PredictedRow } from '../../models/predict.js';
import type { LanguageModelRow } from '../../models/training.js';
import type { Tokenizer } from '../../models/tokenizer.js';

interface Reader {
  readonly config: GptConfig;
  readonly tokenizer: Tokenizer;
}

/** The head that answers a task. */
export function headOf(task: TaskDefinition, items: readonly Item[], pooling: 'last' | 'mean'): Head {
  if (task.answer === 'next-token') return { kind: 'choices' };
  const classes = items[0]?.choices.length ?? 0;
  return { kind: 'classification', classes, pooling };
}

/** An item as a row of the predictor: its prompt after `examples`, and what may be answered. */
export function rowOf(
  task: TaskDefinition,
  { config, tokenizer }: Reader,
  item: Item,
  examples: readonly Example[] = [],
): PredictedRow {
  const tokens = [tokenizer.bos, ...tokenizer.encode(task.prompt(item, examples))];
  if (task.answer === 'classes') return { tokens: tokens.slice(0, config.context) };
  if (tokens.length > config.context) {
    throw new UserError(
      `${examples.length} examples and the question make ${tokens.length} tokens; the model's context is ` +
        `${config.context}. Ask for fewer examples, or give the model a longer context.`,
    );
  }
  return { tokens, choices: item.choices.map((choice) => tokenOf(tokenizer, choice)) };
}

/**
 * Says how many texts hold nothing that the model's tokenizer knows: the model cannot tell them apart.
 * @throws UserError where none does
 */
export function checkKnown(
  { tokenizer }: Reader,
  rows: readonly { readonly tokens: readonly number[] }[],
  log: (line: string) => void,
): void {
  const means = (id: number): boolean => id !== tokenizer.unk && id !== tokenizer.bos;
  const unknown = rows.filter(({ tokens }) => !tokens.some(means)).length;
  if (unknown === 0) return;
  if (unknown < rows.length)
    return log(`${unknown} of ${rows.length} texts have no word that the model knows`);
  throw new UserError(
    `none of the ${rows.length} texts has a word that the model's tokenizer knows. Learn it on text with such words (the ` +
      'unlabelled text of the task, and vocabulary: large enough), or take tokenizer: bytes, which reads any text.',
  );
}

/**
 * An item with each of its classes' names behind it, only the names counting: what a language model without a head is
 * asked. Where text and name do not fit, the text's beginning is left out.
 */
export function classRowsOf(
  task: TaskDefinition,
  { config, tokenizer }: Reader,
  item: Item,
  examples: readonly Example[],
): LanguageModelRow[] {
  const prompt = tokenizer.encode(`${task.prompt(item, examples)}\n`);
  return item.choices.map((choice) => {
    const name = tokenizer.encode(choice).slice(0, config.context - 1);
    const room = config.context - 1 - name.length;
    const kept = room === 0 ? [] : prompt.slice(-room);
    const tokens = [tokenizer.bos, ...kept, ...name];
    return { tokens, weights: tokens.map((_, place) => (place > kept.length ? 1 : 0)) };
  });
}

function tokenOf(tokenizer: Tokenizer, choice: string): number {
  const id = tokenizer.idOf(choice);
  if (id === undefined) {
    throw new UserError(
      `the answer "${choice}" is not one token of the model's vocabulary. A task answered by the next token needs ` +
        'answers that are words of its corpus, and a tokenizer of words with room for all of them (vocabulary).',
    );
  }
  return id;
}
