/**
 * @file GPT-2 as an ONNX graph of plain operators, with inputs, outputs and weights named as Optimum's exports of it:
 * whoever generates with those generates with these.
 */
import { create } from '@bufbuild/protobuf';
import { valueInfo } from '../../onnx/encode.js';
import {
  type GraphProto,
  GraphProtoSchema,
  TensorProto_DataType as ElementType,
} from '../../onnx/onnx_pb.js';
import type { HostTensor } from '../../onnx/tensor.js';
import type { GptConfig } from '../gpt.js';
import { GraphBuilder } from './graph-builder.js';

/** Operator set of {@link gpt2Graph}. */
export const gpt2Opset = 17;
/** What the head reads: [batch, length, D]. */
export const gpt2Hidden = 'hidden';

/** A number that no score is below, so that a row without any allowed position gives no NaN. */
const lowest = -3.4028234663852886e38;

export interface Gpt2Graph {
  readonly graph: GraphProto;
  readonly constants: readonly { readonly name: string; readonly tensor: HostTensor }[];
}

/**
 * `input_ids` [B, S], `attention_mask` [B, P + S], `past_key_values.i.key` and `.value` [B, H, P, d] → `logits`
 * [B, S, V], `present.i.key` and `.value` [B, H, P + S, d]. Positions count the mask's real tokens, so that rows may
 * be padded on either side. Weights are initializers by transformers' names, `lm_head.weight` [D, V].
 */
export function gpt2Graph(config: GptConfig): Gpt2Graph {
  const { layers, width, heads, vocabulary } = config;
  const b = new GraphBuilder('gpt2');
  const minusLength = b.node('Neg', [b.node('Shape', ['input_ids'], { start: 1, end: 2 })]); // [−S]
  const positions = newPositions(b, minusLength); // [B, S]
  const allowed = allowedScores(b, minusLength); // [B, 1, S, P + S]
  const tokens = b.node('Gather', ['transformer.wte.weight', 'input_ids']);
  let x = b.node('Add', [tokens, b.node('Gather', ['transformer.wpe.weight', positions])]); // [B, S, D]
  for (let layer = 0; layer < layers; layer++) x = block(b, config, layer, x, allowed);
  norm(b, x, 'transformer.ln_f', gpt2Hidden);
  b.node('MatMul', [gpt2Hidden, 'lm_head.weight'], {}, 'logits');
  const cache = (when: 'past_key_values' | 'present', length: string) =>
    Array.from({ length: layers }, (_, layer) =>
      ['key', 'value'].map((part) =>
        valueInfo(`${when}.${layer}.${part}`, {
          ...{ dtype: 'float32', shape: ['batch_size', heads, length, width / heads] },
        }),
      ),
    ).flat();
  const graph = create(GraphProtoSchema, {
    name: 'gpt2',
    node: b.nodes,
    input: [
      valueInfo('input_ids', { dtype: 'int64', shape: ['batch_size', 'sequence_length'] }),
      valueInfo('attention_mask', { dtype: 'int64', shape: ['batch_size', 'total_sequence_length'] }),
      ...cache('past_key_values', 'past_sequence_length'),
    ],
    output: [
      valueInfo('logits', { dtype: 'float32', shape: ['batch_size', 'sequence_length', vocabulary] }),
      ...cache('present', 'total_sequence_length'),
    ],
  });
  return { graph, constants: b.constants };
}

const toTheEnd = Number.MAX_SAFE_INTEGER;

/** Of the new tokens: how many real ones stand before each. */
function newPositions(b: GraphBuilder, minusLength: string): string {
  const counts = b.node('Sub', [b.node('CumSum', ['attention_mask', b.int(1)]), b.int(1)]);
  const all = b.node('Max', [counts, b.int(0)]); // [B, P + S]
  return b.node('Slice', [all, minusLength, b.ints([toTheEnd]), b.ints([1])]);
}

/** Whether a new token (row) may look at a place (column): it is real, and not later. */
function allowedScores(b: GraphBuilder, minusLength: string): string {
  const total = b.node('Squeeze', [b.node('Shape', ['attention_mask'], { start: 1, end: 2 })]); // P + S
  const places = b.node('Range', [b.int(0), total, b.int(1)]); // [P + S]
  const own = b.node('Slice', [places, minusLength, b.ints([toTheEnd]), b.ints([0])]); // [S]
  const earlier = b.node('LessOrEqual', [places, b.node('Unsqueeze', [own, b.ints([1])])]); // [S, P + S]
  const real = b.node('Cast', ['attention_mask'], { to: ElementType.BOOL });
  return b.node('And', [earlier, b.node('Unsqueeze', [real, b.ints([1, 2])])]);
}

function block(b: GraphBuilder, config: GptConfig, layer: number, x: string, allowed: string): string {
  const name = `transformer.h.${layer}`;
  const mixed = attention(b, config, layer, norm(b, x, `${name}.ln_1`), allowed);
  const attended = b.node('Add', [x, mixed]);
  const h = conv1d(b, norm(b, attended, `${name}.ln_2`), `${name}.mlp.c_fc`);
  const erf = b.node('Erf', [b.node('Mul', [h, b.float(Math.SQRT1_2)])]);
  const gelu = b.node('Mul', [b.node('Mul', [h, b.node('Add', [erf, b.float(1)])]), b.float(0.5)]);
  return b.node('Add', [attended, conv1d(b, gelu, `${name}.mlp.c_proj`)]);
}

function attention(
  b: GraphBuilder,
  { width, heads }: GptConfig,
  layer: number,
  x: string,
  allowed: string,
): string {
  const name = `transformer.h.${layer}.attn`;
  const size = width / heads;
  const parts = ['q', 'k', 'v'].map((part) => `${name}/${part}`);
  b.node('Split', [conv1d(b, x, `${name}.c_attn`), b.ints([width, width, width])], { axis: -1 }, parts);
  const [q, k, v] = parts.map((part) =>
    b.node('Transpose', [b.node('Reshape', [part, b.ints([0, 0, heads, size])])], { perm: [0, 2, 1, 3] }),
  ) as [string, string, string]; // [B, H, S, d]
  const [keys, values] = [
    b.node('Concat', [`past_key_values.${layer}.key`, k], { axis: 2 }, `present.${layer}.key`),
    b.node('Concat', [`past_key_values.${layer}.value`, v], { axis: 2 }, `present.${layer}.value`),
  ];
  const products = b.node('MatMul', [q, b.node('Transpose', [keys], { perm: [0, 1, 3, 2] })]);
  const scores = b.node('Mul', [products, b.float(1 / Math.sqrt(size))]); // [B, H, S, P + S]
  const weights = b.node('Softmax', [b.node('Where', [allowed, scores, b.float(lowest)])], { axis: -1 });
  const mixed = b.node('Transpose', [b.node('MatMul', [weights, values])], { perm: [0, 2, 1, 3] });
  return conv1d(b, b.node('Reshape', [mixed, b.ints([0, 0, width])]), `${name}.c_proj`);
}

function norm(b: GraphBuilder, x: string, name: string, output?: string): string {
  return b.node(
    'LayerNormalization',
    [x, `${name}.weight`, `${name}.bias`],
    { axis: -1, epsilon: { float: 1e-5 } },
    output,
  );
}

/** x·W + b with W [in, out]. */
function conv1d(b: GraphBuilder, x: string, name: string): string {
  return b.node('Add', [b.node('MatMul', [x, `${name}.weight`]), `${name}.bias`]);
}
