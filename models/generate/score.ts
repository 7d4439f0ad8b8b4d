/** @file Log-probabilities of given continuations: one forward pass over each, nothing generated. */
import { UserError } from '../../base/errors.js';
import type { Decoder } from './decoder.js';
import { logProbability } from './sampling.js';
import { rightPadded } from './recomputed-decoding.js';

export interface Continuation {
  /** At least one token: the first token of a text has no probability. */
  readonly prompt: readonly number[];
  readonly continuation: readonly number[];
}

/** Logits that a run may make. */
const logitBytes = 256 * 2 ** 20;

/**
 * log p of each token of each continuation, given its prompt and the tokens before it. Rows are padded on the right,
 * where causal attention does not look, so that every kind of file takes them together.
 */
export async function scoreContinuations(
  decoder: Decoder,
  rows: readonly Continuation[],
  { batchSize = 32 }: { batchSize?: number } = {},
): Promise<number[][]> {
  const { vocabulary, fixedBatch, fixedLength } = decoder.signature;
  const scores = rows.map((): number[] => []);
  // The last token's own logits say nothing about the row.
  const tokens = rows.map(({ prompt, continuation }) => [...prompt, ...continuation].slice(0, -1));
  const order = rows
    .map((_, row) => row)
    .filter((row) => rows[row]!.continuation.length > 0)
    .sort((a, b) => tokens[b]!.length - tokens[a]!.length || a - b);
  while (order.length > 0) {
    const length = fixedLength ?? tokens[order[0]!]!.length;
    if (tokens[order[0]!]!.length > length) {
      throw new UserError(
        `row ${order[0]} has ${tokens[order[0]!]!.length} tokens, and the model was exported for runs of ${length} alone`,
      );
    }
    const most = Math.max(1, Math.floor(logitBytes / (4 * length * vocabulary)));
    const batch = order.splice(0, Math.min(fixedBatch ?? batchSize, most));
    const missing = Math.max(0, (fixedBatch ?? 0) - batch.length);
    const padded = [...batch, ...Array.from({ length: missing }, () => batch[0]!)];
    const inputs = rightPadded(
      padded.map((row) => tokens[row]!),
      length,
    );
    const { data } = await decoder.forward(inputs, 'all');
    batch.forEach((row, i) => {
      const { prompt, continuation } = rows[row]!;
      scores[row] = continuation.map((token, t) => {
        const at = (i * length + prompt.length - 1 + t) * vocabulary;
        return logProbability(data.subarray(at, at + vocabulary), token);
      });
    });
  }
  return scores;
}
