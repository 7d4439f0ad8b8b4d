/** @file What changes a row's logits before a token is chosen, in transformers' order and with its arithmetic. */
import type { Settings } from './settings.js';

/** The tokens of a row so far. */
export interface RowTokens {
  readonly promptLength: number;
  /** Prompt and what was generated. */
  readonly tokens: readonly number[];
}

/** Changes the logits of one row in place. */
export type LogitsProcessor = (row: RowTokens, logits: Float32Array) => void;

/** The processors that some settings ask for (transformers' `_get_logits_processor`); often none. */
export function processorsFor(settings: Settings): LogitsProcessor[] {
  const { repetitionPenalty, noRepeatNgramSize, minLength, minNewTokens, eosIds, suppressTokens } = settings;
  const forbidEos = (logits: Float32Array): void => {
    for (const id of eosIds) logits[id] = -Infinity;
  };
  return [
    repetitionPenalty === 1
      ? undefined
      : ({ tokens }: RowTokens, logits: Float32Array) => penalize(tokens, logits, repetitionPenalty),
    noRepeatNgramSize === 0
      ? undefined
      : ({ tokens }: RowTokens, logits: Float32Array) => forbidRepeats(tokens, logits, noRepeatNgramSize),
    minLength === 0
      ? undefined
      : ({ tokens }: RowTokens, logits: Float32Array) => {
          if (tokens.length < minLength) forbidEos(logits);
        },
    minNewTokens === 0
      ? undefined
      : ({ tokens, promptLength }: RowTokens, logits: Float32Array) => {
          if (tokens.length - promptLength < minNewTokens) forbidEos(logits);
        },
    suppressTokens.length === 0
      ? undefined
      : (_: RowTokens, logits: Float32Array) => {
          for (const id of suppressTokens) logits[id] = -Infinity;
        },
  ].filter((processor) => processor !== undefined);
}

/**
 * Makes tokens that are there already less likely, prompt included (Keskar et al., 2019, §4.1): logits above 0 are
 * divided by the penalty, others multiplied; once a token, however often it occurred.
 */
function penalize(tokens: readonly number[], logits: Float32Array, penalty: number): void {
  for (const id of new Set(tokens)) {
    const logit = logits[id]!;
    logits[id] = logit < 0 ? logit * penalty : logit / penalty;
  }
}

/** Forbids each token that would complete a sequence of `size` tokens that the row has already. */
function forbidRepeats(tokens: readonly number[], logits: Float32Array, size: number): void {
  const begun = tokens.length - size + 1; // where the sequence that the next token completes begins
  for (let start = 0; start + size <= tokens.length; start++) {
    let same = true;
    for (let i = 0; same && i < size - 1; i++) same = tokens[start + i] === tokens[begun + i];
    if (same) logits[tokens[start + size - 1]!] = -Infinity;
  }
}
