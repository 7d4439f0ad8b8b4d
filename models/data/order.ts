/** @file Which rows each step is trained on: a function of the seed and the step alone, so that training can go on anywhere. */
import { Random } from '../../base/random.js';

export interface OrderOptions {
  /** Rows of the data. */
  readonly rows: number;
  /** Rows of a micro-batch. */
  readonly batch: number;
  /** Micro-batches of a step. */
  readonly accumulation: number;
  /** false: the order of the file, again in every epoch. */
  readonly shuffle: boolean;
  readonly seed: number;
  /** Length of each row; given, rows of like length come together in shuffled batches. */
  readonly lengths?: ArrayLike<number>;
}

/** Batches among whose rows those of like length are looked for: enough to find them, few enough to stay mixed. */
const batchesToSort = 50;

/** The micro-batches of each step, as lists of rows. */
export interface Order {
  readonly stepsPerEpoch: number;
  /** @param step from 0 */
  at(step: number): readonly (readonly number[])[];
}

/**
 * Epoch after epoch, each in batches of consecutive rows of its order; the last batch of an epoch, and the last step,
 * may be smaller (PyTorch's DataLoader with drop_last=False, transformers' Trainer).
 */
export function orderOf(options: OrderOptions): Order {
  const { rows, batch, accumulation } = options;
  const stepsPerEpoch = Math.ceil(Math.ceil(rows / batch) / accumulation);
  let known: { epoch: number; batches: number[][] } | undefined;
  return {
    stepsPerEpoch,
    at: (step) => {
      const epoch = Math.floor(step / stepsPerEpoch);
      if (known?.epoch !== epoch) known = { epoch, batches: batchesOf(options, epoch) };
      const first = (step % stepsPerEpoch) * accumulation;
      return known.batches.slice(first, first + accumulation);
    },
  };
}

function batchesOf({ rows, batch, shuffle, seed, lengths }: OrderOptions, epoch: number): number[][] {
  const inOrder = Array.from({ length: rows }, (_, row) => row);
  if (!shuffle) return cut(inOrder, batch);
  const random = Random.of(seed, 'finetune', 'order', epoch);
  const mixed = random.shuffled(inOrder);
  if (lengths === undefined) return cut(mixed, batch);
  const longestFirst = (a: number, b: number): number => (lengths[b] ?? 0) - (lengths[a] ?? 0);
  const batches = cut(mixed, batch * batchesToSort).flatMap((chunk) => cut(chunk.sort(longestFirst), batch));
  const smaller = batches.at(-1)?.length === batch ? [] : batches.splice(-1);
  return [...random.shuffled(batches), ...smaller];
}

function cut(rows: readonly number[], size: number): number[][] {
  const parts: number[][] = [];
  for (let start = 0; start < rows.length; start += size) parts.push(rows.slice(start, start + size));
  return parts;
}
