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
const tolerances = {
  /** Of one graph: integers that are scaled for a whole batch differ a little. */
  loosely: { float32: 1e-3, float16: 2e-2 },
  /** Of two graphs that should compute the same. */
  strictly: { float32: 1e-4, float16: 1e-2 },
};

/** Logits of a row alone, after its prompt and after one token more. */
export type Reference = readonly Float32Array[];

/** What a decoder says without any padding; undefined where it takes none anyway. */
export async function referenceOf(decoder: Decoder): Promise<Reference | undefined> {
  const { cache, mask, fixedBatch } = decoder.signature;
  if (cache.length === 0 || mask === undefined || fixedBatch !== undefined) return undefined;
  return probe(decoder, [probePrompts(decoder)[0]], 'none');
}

/**
 * The first way of padding with which a row's logits are what they are without padding, for its prompt and for one
 * token more. Positions that count padding, masks that are ignored and caches kept in another way all show here.
 */
export async function paddingOf(decoder: Decoder, reference: Reference | undefined): Promise<Padding> {
  // Causal attention does not look to the right, so rows without a cache are padded there.
  if (decoder.signature.cache.length === 0) return 'right';
  if (reference === undefined) return 'none';
  for (const side of ['left', 'right'] as const) {
    if (await agrees(decoder, reference, side, 'loosely')) return side;
  }
  return 'none';
}

/** Whether a row beside a longer one has the logits that it has alone. */
export async function agrees(
  decoder: Decoder,
  reference: Reference,
  side: Padding,
  how: keyof typeof tolerances,
): Promise<boolean> {
  let together: Reference;
  try {
    together = await probe(decoder, probePrompts(decoder), side);
  } catch (error) {
    // A file that refuses to run so cannot be run so.
    if (error instanceof UserError) return false;
    throw error;
  }
  const allowed = tolerances[how][decoder.signature.cache[0]!.dtype];
  return reference.every((expected, i) => {
    const largest = expected.reduce((most, logit) => Math.max(most, Math.abs(logit)), 0);
    return expected.every((logit, v) => Math.abs(logit - together[i]![v]!) <= allowed * largest);
  });
}

/** A short row and a longer one. */
function probePrompts(decoder: Decoder): [number[], number[]] {
  const token = (i: number): number => probeToken(decoder, i);
  return [[0, 1, 2].map(token), [3, 4, 5, 6, 7, 8, 9].map(token)];
}

function probeToken({ signature: { vocabulary } }: Decoder, i: number): number {
  return (7 * i + 1) % vocabulary;
}

async function probe(decoder: Decoder, prompts: number[][], side: Padding): Promise<Reference> {
  const decoding = await CachedDecoding.begin(decoder, prompts, side);
  try {
    const first = decoding.logits(0).slice();
    await decoding.append(Int32Array.from(prompts, () => probeToken(decoder, 1)));
    return [first, decoding.logits(0).slice()];
  } finally {
    decoding.release();
  }
}
