/** @file Prompts as people have them (texts, conversations, ready token ids) as the ids that a model continues. */
import { UserError } from '../../base/errors.js';
import { checkAnyColumn } from '../../datasets/columns.js';
import { type Format, formatOf, readRows } from '../../datasets/rows.js';
import { CellError, integers, isGiven, messages } from '../data/cells.js';
import type { HfTokenizer } from '../huggingface/tokenizer.js';

export interface Prompt {
  readonly ids: number[];
  /** The text that the ids are of, where they were not given. */
  readonly text?: string;
}

export interface PromptOptions {
  readonly tokenizer?: HfTokenizer;
  /** Texts are what a user says in a conversation: they go through the model's chat template. */
  readonly chat?: boolean;
}

/** Columns that a prompt is read from; the first that a row has counts. */
const columns = ['input_ids', 'messages', 'prompt', 'text'] as const;

/** A text to continue. */
export function textPrompt(text: string, { tokenizer, chat = false }: PromptOptions): Prompt {
  if (chat) return conversationPrompt([{ role: 'user', content: text }], { tokenizer });
  if (tokenizer === undefined) throw noTokenizer();
  return { ids: tokenizer.encode(text), text };
}

/** A conversation that the model is to answer. */
export function conversationPrompt(
  conversation: Parameters<HfTokenizer['chat']>[0],
  { tokenizer }: PromptOptions,
): Prompt {
  if (tokenizer === undefined) throw noTokenizer();
  const text = tokenizer.chat(conversation, { addGenerationPrompt: true });
  return { ids: tokenizer.encode(text, { addSpecialTokens: false }), text };
}

/**
 * The prompts of a CSV, TSV, JSONL or Parquet file: `input_ids` (with `attention_mask`, whose 0 is padding on either
 * side), `messages`, `prompt` (a text or messages) or `text`.
 *
 * @throws UserError naming file and row
 */
export async function readPrompts(
  path: string,
  options: PromptOptions & { format?: Format } = {},
): Promise<Prompt[]> {
  const { format = formatOf(path) } = options;
  const prompts: Prompt[] = [];
  for await (const { place, values } of readRows(path, format, [], [...columns, 'attention_mask'])) {
    const where = `${path}, ${place}`;
    const column = columns.find((name) => isGiven(values[name]));
    if (column === undefined) {
      checkAnyColumn(where, [...columns], Object.keys(values));
      throw new UserError(`${where}: the row has no prompt (${columns.join(', ')})`);
    }
    try {
      prompts.push(promptOf(column, values, options));
    } catch (error) {
      if (error instanceof CellError || error instanceof UserError) {
        throw new UserError(`${where}: ${error.message}`, { cause: error });
      }
      throw error;
    }
  }
  if (prompts.length === 0) throw new UserError(`${path} has no rows`);
  return prompts;
}

function promptOf(
  column: (typeof columns)[number],
  values: Readonly<Record<string, unknown>>,
  options: PromptOptions,
): Prompt {
  const value = values[column];
  if (column === 'input_ids') {
    const ids = [...integers('input_ids', value)];
    if (!isGiven(values['attention_mask'])) return { ids };
    return { ids: unpadded(ids, [...integers('attention_mask', values['attention_mask'])]) };
  }
  if (column === 'messages' || typeof value !== 'string') {
    return conversationPrompt(messages(column, value), options);
  }
  return textPrompt(value, options);
}

/** The ids that a mask shows. Padding may stand on either side, not in between. */
export function unpadded(ids: readonly number[], mask: readonly number[]): number[] {
  if (mask.length !== ids.length) {
    throw new CellError(`attention_mask has ${mask.length} elements, and input_ids has ${ids.length}`);
  }
  const [first, last] = [mask.indexOf(1), mask.lastIndexOf(1)];
  if (first < 0) throw new CellError('attention_mask is 0 everywhere: the row has no token');
  const hole = mask.findIndex((real, i) => real !== 1 && i > first && i < last);
  if (hole >= 0) {
    throw new CellError(
      `attention_mask[${hole}] is ${mask[hole]} between tokens; padding stands at the ends`,
    );
  }
  return ids.slice(first, last + 1);
}

/** Token ids written as JSON: one row, or a list of rows. */
export function parseIds(json: string): number[][] {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw new UserError(`the token ids are not JSON: ${json.slice(0, 80)}`, { cause: error });
  }
  const isRow = (row: unknown): row is number[] =>
    Array.isArray(row) && row.every((id) => Number.isInteger(id));
  if (isRow(value) && value.length > 0) return [value];
  if (Array.isArray(value) && value.length > 0 && value.every(isRow)) return value;
  throw new UserError(`expected token ids as [1, 2, 3], or a list of such rows; found ${json.slice(0, 80)}`);
}

function noTokenizer(): UserError {
  return new UserError(
    "the prompts are texts, and the model's folder has no tokenizer.json to encode them with. " +
      "Put the model's tokenizer files beside config.json, or give token ids (input_ids)",
  );
}
