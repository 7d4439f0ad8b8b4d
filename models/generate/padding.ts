/** @file How rows of different lengths share a batch: told by trying, since no export says it. */
import { UserError } from '../../base/errors.js';
import { CachedDecoding } from './cached-decoding.js';
import type { Decoder } from './decoder.js';

/**
 * `left`: as transformers' generate pads: the cache has padding before a row's first token, and its mask hides it.
 * `right`: as GroupQueryAttention keeps its cache: each row grows at its own end. `none`: only rows of one length.
 */
export type Padding = 'left' | 'right' | 'none';

/** By how much logits may differ, relative to the largest, and still be the same. */
const tolerance = { float32: 1e-3, float16: 2e-2 };

/**
 * The first way of padding with which a row's logits are what they are without padding, for its prompt and for one
 * token more. Positions that count padding, masks that are ignored and caches kept in another way all show here.
 */
export async function paddingOf(decoder: Decoder): Promise<Padding> {
  const { cache, mask, fixedBatch } = decoder.signature;
  // Causal attention does not look to the right, so rows without a cache are padded there.
  if (cache.length === 0) return 'right';
  if (mask === undefined || fixedBatch !== undefined) return 'none';
  const prompt = [0, 1, 2].map((i) => probeToken(decoder, i));
  const longer = [3, 4, 5, 6, 7, 8, 9].map((i) => probeToken(decoder, i));
  const alone = await probe(decoder, [prompt], 'none');
  for (const side of ['left', 'right'] as const) {
    if (await agrees(decoder, alone, [prompt, longer], side)) return side;
  }
  return 'none';
}

function probeToken({ signature: { vocabulary } }: Decoder, i: number): number {
  return (7 * i + 1) % vocabulary;
}

/** Logits of the first row, after its prompt and after a token more. */
async function probe(decoder: Decoder, prompts: number[][], side: Padding): Promise<Float32Array[]> {
  const decoding = await CachedDecoding.begin(decoder, prompts, side);
  try {
    const first = decoding.logits(0).slice();
    await decoding.append(Int32Array.from(prompts, () => probeToken(decoder, 1)));
    return [first, decoding.logits(0).slice()];
  } finally {
    decoding.release();
  }
}

async function agrees(
  decoder: Decoder,
  alone: readonly Float32Array[],
  prompts: number[][],
  side: Padding,
): Promise<boolean> {
  let together: Float32Array[];
  try {
    together = await probe(decoder, prompts, side);
  } catch (error) {
    // A file that refuses to run so cannot be run so.
    if (error instanceof UserError) return false;
    throw error;
  }
  const allowed = tolerance[decoder.signature.cache[0]!.dtype];
  return alone.every((expected, i) => {
    const largest = expected.reduce((most, logit) => Math.max(most, Math.abs(logit)), 0);
    return expected.every((logit, v) => Math.abs(logit - together[i]![v]!) <= allowed * largest);
  });
}
