/** @file Two responses to one prompt as token ids, cut to what a model can read. */
import { UserError } from '../../base/errors.js';
import type { Tokenizer } from '../tokenizer.js';

/** One of the two candidates: its prompt's tokens, then its own. */
export interface Candidate {
  /** The beginning-of-text token, the prompt, the response. */
  readonly tokens: readonly number[];
  /** Where the response begins. */
  readonly start: number;
}

export type Pair = readonly [Candidate, Candidate];

export interface PairTexts {
  /** Of the item, for messages. */
  readonly id: string;
  readonly prompt: string;
  /** Two. */
  readonly responses: readonly string[];
  readonly ending?: number;
}

/** What did not fit into a model's context. */
export interface Cuts {
  /** Pairs whose prompt lost its beginning. */
  prompts: number;
  /** Responses that lost their end. */
  responses: number;
}

/** What is kept of a prompt beside a response that fills the context: TRL's defaults keep 128 tokens of 512. */
const promptShare = 0.25;

/**
 * Tokens of a prompt and its two responses, at most `context` a candidate. As in TRL, both candidates see the same
 * prompt, or their log-probabilities could not be compared: it keeps its end and loses as much of its beginning as the
 * longer response needs, down to a quarter of the context; a response that is longer than the other three quarters
 * loses its end.
 *
 * @param ending a token that says where a response ends; none: it is not said
 * @param cuts counts what was cut
 * @throws UserError where a response has no tokens: nothing has no log-probability
 */
export function encodePair(
  { id, prompt, responses, ending }: PairTexts,
  tokenizer: Tokenizer,
  context: number,
  cuts: Cuts,
): Pair {
  if (responses.length !== 2) {
    throw new UserError(`item ${id} has ${responses.length} responses: a preference is between two`);
  }
  const encoded = responses.map((response) => [
    ...tokenizer.encode(response),
    ...(ending === undefined ? [] : [ending]),
  ]);
  encoded.forEach((tokens, index) => {
    if (tokens.length > 0) return;
    throw new UserError(
      `item ${id}: response ${index + 1} of 2 has nothing that the model's tokenizer reads ` +
        `(${JSON.stringify(responses[index])}). Leave the item out, or give it a response.`,
    );
  });
  const asked = tokenizer.encode(prompt);
  const longest = Math.max(...encoded.map((tokens) => tokens.length));
  // One place is for the beginning-of-text token.
  const atLeast = Math.min(asked.length, Math.floor(promptShare * context));
  const room = Math.max(context - 1 - longest, atLeast, 0);
  const kept = room >= asked.length ? asked : asked.slice(asked.length - room);
  if (kept.length < asked.length) cuts.prompts++;
  const head = [tokenizer.bos, ...kept];
  const candidates = encoded.map((response): Candidate => {
    const fitting = response.slice(0, context - head.length);
    if (fitting.length < response.length) cuts.responses++;
    return { tokens: [...head, ...fitting], start: head.length };
  });
  return candidates as [Candidate, Candidate];
}

/** One line on what was cut, or none. */
export function cutsText({ prompts, responses }: Cuts, pairs: number): string | undefined {
  if (prompts === 0 && responses === 0) return undefined;
  return (
    `of ${pairs} pairs, ${prompts} prompts lost their beginning and ${responses} responses their end, ` +
    "for they are longer than the model's context"
  );
}
