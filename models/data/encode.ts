/** @file Texts, answers to prompts, and conversations as tokens, with the labels of what a language model is taught. */
import type { ChatMessage } from '../huggingface/chat-template.js';
import { CellError } from './cells.js';
import { ignoredLabel } from './example.js';

/** What of a tokenizer encoding needs. */
export interface RowTokenizer {
  encode(text: string, options?: { addSpecialTokens?: boolean }): number[];
  /** Two texts as one sequence, and which of them each token belongs to (`token_type_ids`). */
  encodePair(text: string, pair: string): { ids: number[]; segments: number[] };
  chat(messages: readonly ChatMessage[], options?: { addGenerationPrompt?: boolean }): string;
  /** What ends a text. */
  readonly eosId?: number;
  /** Number of ids, added tokens included. */
  readonly vocabularySize: number;
}

/** What of a prompt and its completion, or of a conversation, is in the loss. */
export type LossOn = 'replies' | 'everything';

export interface Encoded {
  readonly ids: number[];
  readonly labels: number[];
}

/** A text, ended as TRL's SFTTrainer ends it. */
export function encodeText(tokenizer: RowTokenizer, text: string): Encoded {
  const ids = ended(tokenizer, tokenizer.encode(text));
  return { ids, labels: [...ids] };
}

/**
 * A prompt and what should follow it, encoded as one text. The first token that the prompt alone would not begin with
 * is the first in the loss (as TRL's completion_only_loss).
 */
export function encodeCompletion(
  tokenizer: RowTokenizer,
  prompt: string,
  completion: string,
  lossOn: LossOn,
): Encoded {
  const ids = ended(tokenizer, tokenizer.encode(prompt + completion));
  if (lossOn === 'everything') return { ids, labels: [...ids] };
  // A template may close every text (BERT's [SEP]): what closes the prompt alone is not in the whole.
  const begun = sharedLength(ids, tokenizer.encode(prompt));
  return { ids, labels: ids.map((id, i) => (i < begun ? ignoredLabel : id)) };
}

/**
 * A conversation through the model's chat template; in the loss are the assistant's turns, from behind the template's
 * opening of a turn to its end.
 *
 * @param from the first message that may be in the loss
 * @throws CellError where the template does not write conversations turn after turn
 */
export function encodeConversation(
  tokenizer: RowTokenizer,
  messages: readonly ChatMessage[],
  lossOn: LossOn,
  from = 0,
): Encoded {
  const whole = tokenizer.chat(messages);
  const ids = tokenizer.encode(whole, { addSpecialTokens: false });
  if (lossOn === 'everything') return { ids, labels: [...ids] };
  const labels = new Array<number>(ids.length).fill(ignoredLabel);
  const tokensBefore = (count: number, addGenerationPrompt: boolean): number => {
    if (count === messages.length) return ids.length;
    if (count === 0 && !addGenerationPrompt) return 0;
    const text = tokenizer.chat(messages.slice(0, count), { addGenerationPrompt });
    if (!whole.startsWith(text)) {
      throw new CellError(
        `the chat template writes the first ${count} messages in another way when more follow, so the assistant's ` +
          'turns cannot be told apart; train on everything (--loss-on everything) or give input_ids and labels',
      );
    }
    return sharedLength(ids, tokenizer.encode(text, { addSpecialTokens: false }));
  };
  messages.forEach(({ role }, i) => {
    if (role !== 'assistant' || i < from) return;
    const end = tokensBefore(i + 1, false);
    for (let at = tokensBefore(i, true); at < end; at++) labels[at] = ids[at] as number;
  });
  if (labels.every((label) => label === ignoredLabel)) {
    throw new CellError(
      'the conversation has no turn of the assistant, so nothing of it would be in the loss',
    );
  }
  return { ids, labels };
}

function ended({ eosId }: RowTokenizer, ids: number[]): number[] {
  return eosId === undefined || ids.at(-1) === eosId ? ids : [...ids, eosId];
}

function sharedLength(a: readonly number[], b: readonly number[]): number {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length++;
  return length;
}
