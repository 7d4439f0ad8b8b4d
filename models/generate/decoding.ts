/** @file A batch that is being continued: rows of different lengths side by side, one token a step, finished rows leaving. */
import { CachedDecoding } from './cached-decoding.js';
import type { Decoder } from './decoder.js';
import { RecomputedDecoding } from './recomputed-decoding.js';

export interface Decoding {
  /** Rows that are still in the batch. */
  readonly rows: number;
  /** Logits of a row's next token, [V]; may be changed by whoever reads them, and are gone after `append`. */
  logits(row: number): Float32Array;
  /** Appends a token to each row and runs the model. */
  append(tokens: Int32Array): Promise<void>;
  /** Goes on with some of the rows, in ascending order, from the next `append`; false where the file needs all. */
  keep(rows: readonly number[]): boolean;
  release(): void;
}

/** Runs the prompts; afterwards the logits of each row's first new token are there. */
export async function beginDecoding(
  decoder: Decoder,
  prompts: readonly (readonly number[])[],
): Promise<Decoding> {
  const { fixedBatch, cache } = decoder.signature;
  // A file for so many rows gets so many: what the others say is not read.
  const missing = Math.max(0, (fixedBatch ?? 0) - prompts.length);
  const rows = [...prompts, ...Array.from({ length: missing }, () => prompts[0]!)];
  return cache.length > 0
    ? CachedDecoding.begin(decoder, rows, decoder.padding)
    : RecomputedDecoding.begin(decoder, rows);
}
