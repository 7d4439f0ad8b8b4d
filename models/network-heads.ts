/** @file Heads over any network's hidden states: a linear layer on the last, the first, or the mean of a row's tokens. */
import type { Value } from '../onnx/graph.js';
import { fusedMatmul, gatherUnique, linear, reshape, unsqueeze } from '../onnx/operators/index.js';
import type { InputSpec, Lookup, ParameterSpec } from '../onnx/program.js';
import { sizeOf } from '../onnx/tensor.js';
import type { Batch, Tensors } from '../onnx/trainer.js';
import type { TuningRow } from './losses/loss.js';
import type { Network, Sizes } from './network.js';

/** A linear layer in the place of a language model's head, or on top of a model without one. */
export interface RowHead {
  /** Classes, or 1 for a regression or a reward. */
  readonly outputs: number;
  /** What it reads of a row's tokens: the last real one, the first ([CLS]), or the mean of all real ones. */
  readonly pooling: 'last' | 'first' | 'mean';
  /** PyTorch's name of the layer. */
  readonly module: string;
  readonly bias: boolean;
}

/**
 * The head that transformers' …ForSequenceClassification has: `score` without a bias on the last token of language
 * models, `classifier` on the first of encoders.
 */
export function rowHeadOf(
  { kind }: Pick<Network, 'kind'>,
  outputs: number,
  pooling: RowHead['pooling'] = kind === 'language' ? 'last' : 'first',
): RowHead {
  return kind === 'language'
    ? { outputs, pooling, module: 'score', bias: false }
    : { outputs, pooling, module: 'classifier', bias: true };
}

export function rowHeadParameters({ outputs, module, bias }: RowHead, width: number): ParameterSpec[] {
  return [
    { name: `${module}.weight`, shape: [outputs, width] },
    ...(bias ? [{ name: `${module}.bias`, shape: [outputs] }] : []),
  ];
}

/** Zeros: every class is as likely, and nothing of the model moves before the head has learnt something. */
export function initialiseRowHead(head: RowHead, width: number): Tensors {
  return Object.fromEntries(
    rowHeadParameters(head, width).map(({ name, shape }) => [
      name,
      { shape, data: new Float32Array(sizeOf(shape)) },
    ]),
  );
}

/** What a head is fed beside the tokens: the rows of the hidden states that it reads, or how much each token counts. */
export function rowHeadInputs({ pooling }: RowHead, { batch, length }: Sizes): InputSpec[] {
  return pooling === 'mean'
    ? [{ name: 'shares', dtype: 'float32', shape: [batch, length] }]
    : [{ name: 'read', dtype: 'int64', shape: [batch] }];
}

/** @throws RangeError for a row without a real token */
export function rowHeadBatch(
  { pooling }: RowHead,
  rows: readonly TuningRow[],
  { batch, length }: Sizes,
): Batch {
  const read = BigInt64Array.from({ length: batch }, (_, row) => BigInt(row * length));
  const shares = new Float32Array(batch * length);
  rows.forEach((row, r) => {
    const real = realPlaces(row);
    if (real.length === 0) throw new RangeError(`row ${r} of the batch has no token`);
    read[r] = BigInt(r * length + ((pooling === 'last' ? real.at(-1) : real[0]) as number));
    for (const place of real) shares[r * length + place] = 1 / real.length;
  });
  return pooling === 'mean' ? { shares } : { read };
}

/** Whatever side the padding is on. */
function realPlaces({ ids, mask }: TuningRow): number[] {
  return Array.from(ids, (_, place) => place).filter((place) => (mask?.[place] ?? 1) !== 0);
}

/** Logits [B, outputs] from hidden states [B·T, D]. */
export function rowHeadLogits(
  { pooling, module, bias }: RowHead,
  hidden: Value,
  parameters: Lookup,
  inputs: Lookup,
  { batch, length }: Sizes,
): Value {
  const width = hidden.shape[1] as number;
  const pooled =
    pooling === 'mean'
      ? reshape(
          fusedMatmul(unsqueeze(inputs('shares'), 1), reshape(hidden, [batch, length, width])), // [B, 1, D]
          [batch, width],
        )
      : gatherUnique(hidden, inputs('read')); // [B, D]
  return linear(pooled, parameters(`${module}.weight`), bias ? parameters(`${module}.bias`) : undefined);
}
