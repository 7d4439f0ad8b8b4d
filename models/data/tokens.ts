/** @file A row of a file as tokens: ready ids, or a text, an answer or a conversation that a tokenizer encodes. */
import { UserError } from '../../base/errors.js';
import { CellError, integers, isGiven, messages, text } from './cells.js';
import {
  encodeCompletion,
  encodeConversation,
  type Encoded,
  encodeText,
  type LossOn,
  type RowTokenizer,
} from './encode.js';
import { type Example, ignoredLabel, type Task } from './example.js';

/** How a file gives its rows, best first, and the columns that each way needs. */
export const forms = {
  ids: ['input_ids'],
  messages: ['messages'],
  completion: ['prompt', 'completion'],
  text: ['text'],
} as const;
export type Form = keyof typeof forms;

export interface TokenOptions {
  readonly task: Task;
  /** Number of token ids that the model knows. */
  readonly vocabulary: number;
  /** The longest sequence that its positions allow. */
  readonly context: number;
  /** Longer rows are cut off on the right; none: they are an error. */
  readonly maxLength?: number;
  /** Needed for rows that are texts. */
  readonly tokenizer?: RowTokenizer;
  /** Default: replies. */
  readonly lossOn?: LossOn;
}

export type Tokens = Omit<Example, 'place' | 'target'>;
type Values = Readonly<Record<string, unknown>>;

/** @throws CellError for what is wrong with the row, UserError where texts come without a tokenizer */
export function tokensOf(values: Values, form: Form, options: TokenOptions): Tokens {
  const tokens = withinLength(
    form === 'ids' ? ready(values, options) : encoded(values, form, options),
    options,
  );
  checkIds(tokens, options);
  if (tokens.mask?.every((real) => real === 0) === true) {
    throw new CellError('attention_mask is 0 everywhere: the row has no token');
  }
  if (options.task.kind !== 'language') return tokens;
  if (options.task.masked === true && form !== 'ids') {
    throw new CellError('a masked language model is trained on input_ids with masks in them, and labels');
  }
  const labels = tokens.labels ?? tokens.ids.map((id, i) => (tokens.mask?.[i] === 0 ? ignoredLabel : id));
  checkLabels(labels, options.vocabulary);
  return { ...tokens, labels };
}

/** Token ids and what stands beside them, as they are in the file. */
function ready(values: Values, { task, context }: TokenOptions): Tokens {
  const ids = integers('input_ids', values['input_ids']);
  if (ids.length === 0) throw new CellError('input_ids is empty');
  const beside = (column: string): Int32Array | undefined => {
    if (!isGiven(values[column])) return undefined;
    const found = integers(column, values[column]);
    if (found.length === ids.length) return found;
    throw new CellError(`${column} has ${found.length} elements, and input_ids has ${ids.length}`);
  };
  const within = (column: string, end: number, found: Int32Array | undefined): void => {
    const wrong = found?.find((value) => value < 0 || value >= end);
    if (wrong !== undefined) throw new CellError(`${column} holds ${wrong}; expected 0 to ${end - 1}`);
  };
  const found = {
    mask: beside('attention_mask'),
    segments: beside('token_type_ids'),
    positions: beside('position_ids'),
    // A classifier's labels belong to the row.
    labels: task.kind === 'language' ? beside('labels') : undefined,
  };
  within('attention_mask', 2, found.mask);
  within('position_ids', context, found.positions);
  return { ids, ...given(found) };
}

function given<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

function encoded(values: Values, form: Exclude<Form, 'ids'>, options: TokenOptions): Tokens {
  const { tokenizer, task, lossOn = 'replies' } = options;
  if (tokenizer === undefined) {
    throw new UserError(
      `the rows are texts (${forms[form].join(', ')}), and the model's folder has no tokenizer.json to encode them with. ` +
        'Put the model’s tokenizer files beside config.json, or give the rows as input_ids.',
    );
  }
  if (form === 'text' && task.kind !== 'language') return classified(values, tokenizer);
  const { ids, labels } = taught(values, form, tokenizer, lossOn);
  if (ids.length === 0) throw new CellError('the row has no token');
  return { ids: Int32Array.from(ids), labels: Int32Array.from(labels) };
}

function taught(
  values: Values,
  form: Exclude<Form, 'ids'>,
  tokenizer: RowTokenizer,
  lossOn: LossOn,
): Encoded {
  if (form === 'text') return encodeText(tokenizer, text('text', values['text']));
  if (form === 'messages') {
    return encodeConversation(tokenizer, messages('messages', values['messages']), lossOn);
  }
  const { prompt, completion } = values;
  if (typeof prompt === 'string' && typeof completion === 'string') {
    return encodeCompletion(tokenizer, text('prompt', prompt), text('completion', completion), lossOn);
  }
  const asked = messages('prompt', prompt);
  return encodeConversation(
    tokenizer,
    [...asked, ...messages('completion', completion)],
    lossOn,
    asked.length,
  );
}

/** A text, or two, as a classifier reads them. */
function classified(values: Values, tokenizer: RowTokenizer): Tokens {
  const first = text('text', values['text']);
  if (!isGiven(values['text_pair'])) return { ids: Int32Array.from(tokenizer.encode(first)) };
  const { ids, segments } = tokenizer.encodePair(first, text('text_pair', values['text_pair']));
  return { ids: Int32Array.from(ids), segments: Int32Array.from(segments) };
}

function withinLength(tokens: Tokens, { context, maxLength }: TokenOptions): Tokens {
  const { length } = tokens.ids;
  const limit = Math.min(maxLength ?? Infinity, context);
  if (length <= limit) return tokens;
  if (maxLength === undefined) {
    throw new CellError(
      `the row has ${length} tokens, and the model's positions allow ${context}. ` +
        `Shorten it, or have long rows cut off: --max-length ${context}`,
    );
  }
  return Object.fromEntries(
    Object.entries(tokens).map(([name, values]) => [name, values.slice(0, limit)]),
  ) as unknown as Tokens;
}

function checkIds({ ids }: Tokens, { vocabulary, tokenizer }: TokenOptions): void {
  const wrong = ids.findIndex((id) => id < 0 || id >= vocabulary);
  if (wrong < 0) return;
  throw new CellError(
    `token ${wrong} has the id ${ids[wrong]}, and the model's vocabulary has ${vocabulary} ids (0 to ${vocabulary - 1}). ` +
      (tokenizer === undefined
        ? 'The rows were encoded for another model.'
        : `The tokenizer beside the model has ${tokenizer.vocabularySize}: it does not match the model, or the rows were encoded for another one.`),
  );
}

function checkLabels(labels: Int32Array, vocabulary: number): void {
  const wrong = labels.findIndex((label) => label !== ignoredLabel && (label < 0 || label >= vocabulary));
  if (wrong < 0) return;
  throw new CellError(
    `labels[${wrong}] is ${labels[wrong]}; expected a token id below ${vocabulary}, or ${ignoredLabel} for what is not in the loss`,
  );
}
