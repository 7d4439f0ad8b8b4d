/** @file Examples side by side, padded on the right to one length. */
import type { Example } from './example.js';

/** What a model reads: each [rows, length], row-major. */
export interface PaddedRows {
  readonly rows: number;
  readonly length: number;
  readonly tokens: BigInt64Array;
  readonly mask: BigInt64Array;
  readonly positions: BigInt64Array;
  readonly segments: BigInt64Array;
}

/**
 * Padding stands on the right whatever the tokenizer prefers: behind the real tokens it moves no position, and a causal
 * model does not see it at all, so no number depends on it. (What generates text pads on the left.)
 */
export function collate(examples: readonly Example[], padId: number): PaddedRows {
  const rows = examples.length;
  const length = examples.reduce((longest, { ids }) => Math.max(longest, ids.length), 0);
  const filled = (value: bigint): BigInt64Array => new BigInt64Array(rows * length).fill(value);
  const [tokens, mask, positions, segments] = [filled(BigInt(padId)), filled(0n), filled(0n), filled(0n)];
  examples.forEach((example, row) => {
    for (let i = 0; i < example.ids.length; i++) {
      const at = row * length + i;
      tokens[at] = BigInt(example.ids[i] as number);
      mask[at] = BigInt(example.mask?.[i] ?? 1);
      positions[at] = BigInt(example.positions?.[i] ?? i);
      segments[at] = BigInt(example.segments?.[i] ?? 0);
    }
    // Positions that are no tokens' still have to be in the model's table: those of a row without padding are.
    for (let i = example.ids.length; i < length; i++) positions[row * length + i] = BigInt(i);
  });
  return { rows, length, tokens, mask, positions, segments };
}
