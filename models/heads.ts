/** @file What is read off a transformer: next-token logits, a choice among tokens, a class. */
import type { Value } from '../onnx/graph.js';
import {
  add,
  cast,
  dimensionOf,
  div,
  fusedMatmul,
  gather,
  gatherUnique,
  lessOrEqual,
  linear,
  mul,
  range,
  reduceSum,
  reshape,
  unsqueeze,
} from '../onnx/operators/index.js';
import type { Lookup, ParameterSpec } from '../onnx/program.js';
import { type Dim } from '../onnx/shape.js';
import { sizeOf } from '../onnx/tensor.js';
import type { Tensors } from '../onnx/trainer.js';
import { gptFinalNorm, type GptConfig, gptHidden, gptParameters } from './gpt.js';

/**
 * `choices`: the language model's own logits at the last token, of given tokens only; it has no parameters of
 * its own. `classification`: a linear layer over the last token, or over the mean of all; it takes the place of
 * the language model's head.
 */
export type Head =
  | { readonly kind: 'choices' }
  | { readonly kind: 'classification'; readonly classes: number; readonly pooling: 'last' | 'mean' };

/** The parameters of a model with a head (none: a language model). */
export function modelParameters(config: GptConfig, head?: Head): ParameterSpec[] {
  const body = gptParameters(config);
  if (head?.kind !== 'classification') return body;
  return [
    ...body.filter(({ name }) => name !== 'head.weight'),
    { name: 'classifier.weight', shape: [head.classes, config.width] },
    { name: 'classifier.bias', shape: [head.classes] },
  ];
}

/**
 * Parameters under a head. A classifier that is not there yet starts at zero: every class equally likely.
 * @param parameters of a language model, or of a model that has this head already
 */
export function withHead(config: GptConfig, head: Head, parameters: Tensors): Tensors {
  return Object.fromEntries(
    modelParameters(config, head).map(({ name, shape }): [string, Tensors[string]] => {
      const known = parameters[name];
      if (known?.shape.join() === shape.join()) return [name, known];
      if (name.startsWith('classifier.')) return [name, { shape, data: new Float32Array(sizeOf(shape)) }];
      throw new Error(`the language model has no parameter "${name}"`);
    }),
  );
}

export interface HeadInputs {
  /** [B, T], padded on the right. */
  readonly tokens: Value;
  /** [B]: index of each row's last real token. */
  readonly last: Value;
  /** [B, C] token ids; for `choices` only. */
  readonly choices?: Value;
}

/** Logits [B, C] of a head; the language model's vocabulary is never gone through. */
export function headLogits(config: GptConfig, head: Head, parameters: Lookup, inputs: HeadInputs): Value {
  const hidden = gptHidden(config, parameters, inputs.tokens); // [B·T, D]
  if (head.kind === 'choices') {
    if (inputs.choices === undefined) throw new Error('the head "choices" needs the tokens to choose from');
    const rows = gptFinalNorm(parameters, lastRows(hidden, inputs)); // [B, D]
    const options = gather(parameters('head.weight'), inputs.choices); // [B, C, D]
    return reshape(fusedMatmul(options, unsqueeze(rows, -1)), inputs.choices.shape); // [B, C]
  }
  const pooled =
    head.pooling === 'last'
      ? gptFinalNorm(parameters, lastRows(hidden, inputs))
      : meanRows(gptFinalNorm(parameters, hidden), inputs, config.width); // [B, D]
  return linear(pooled, parameters('classifier.weight'), parameters('classifier.bias')); // [B, C]
}

/** Row b·T + last[b] of each sequence: [B, D]. */
export function lastRows(hidden: Value, { tokens, last }: HeadInputs): Value {
  const { graph } = tokens;
  const [batch, length] = tokens.shape as [Dim, Dim];
  const starts = mul(range(graph, sizeScalar(tokens, batch), batch), sizeScalar(tokens, length)); // [B]
  return gatherUnique(hidden, add(starts, cast(last, 'int64')));
}

/** Mean over each sequence's real tokens: [B, D]. */
function meanRows(hidden: Value, { tokens, last }: HeadInputs, width: number): Value {
  const [batch, length] = tokens.shape as [Dim, Dim];
  const positions = range(tokens.graph, sizeScalar(tokens, length), length); // [T]
  const real = cast(lessOrEqual(unsqueeze(positions, 0), unsqueeze(cast(last, 'int64'), 1)), 'float32'); // [B, T]
  const shares = div(real, reduceSum(real, [1], true)); // [B, T]
  return reshape(fusedMatmul(unsqueeze(shares, 1), reshape(hidden, [batch, length, width])), [batch, width]);
}

function sizeScalar({ graph }: Value, dim: Dim): Value {
  if (typeof dim === 'number') return graph.scalar(dim, 'int64');
  return reshape(dimensionOf(graph, dim), []);
}
