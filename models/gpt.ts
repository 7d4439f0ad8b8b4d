/** @file The transformer: a GPT with learnt positions, pre-norm blocks and causal attention. */
import { Random } from '../base/random.js';
import type { Graph, Value } from '../onnx/graph.js';
import {
  add,
  cast,
  fusedMatmul,
  gather,
  gemm,
  layerNorm,
  linear,
  mul,
  reshape,
  scaledGelu,
  softmax,
  split,
  sub,
  takeFirst,
  transpose,
  unsqueeze,
} from '../onnx/operators/index.js';
import type { Lookup, ParameterSpec } from '../onnx/program.js';
import { type Dim, product } from '../onnx/shape.js';
import { sizeOf } from '../onnx/tensor.js';
import type { Tensors } from '../onnx/trainer.js';

export interface GptConfig {
  readonly architecture: 'gpt';
  readonly layers: number;
  readonly width: number;
  readonly heads: number;
  /** The longest sequence. */
  readonly context: number;
  /** Number of token ids. */
  readonly vocabulary: number;
}

/** Weights are stored [out, in]. Vectors (biases, norms) are not decayed, matrices are. */
export function gptParameters({ layers, width, context, vocabulary }: GptConfig): ParameterSpec[] {
  return [
    { name: 'embedding.token', shape: [vocabulary, width] },
    { name: 'embedding.position', shape: [context, width] },
    ...Array.from({ length: layers }, (_, layer) => blockParameters(`block${layer}`, width)).flat(),
    { name: 'norm.weight', shape: [width] },
    { name: 'norm.bias', shape: [width] },
    { name: 'head.weight', shape: [vocabulary, width] },
  ];
}

function blockParameters(block: string, width: number): ParameterSpec[] {
  return [
    { name: `${block}.norm1.weight`, shape: [width] },
    { name: `${block}.norm1.bias`, shape: [width] },
    { name: `${block}.attention.in.weight`, shape: [3 * width, width] },
    { name: `${block}.attention.in.bias`, shape: [3 * width] },
    { name: `${block}.attention.out.weight`, shape: [width, width] },
    { name: `${block}.attention.out.bias`, shape: [width] },
    { name: `${block}.norm2.weight`, shape: [width] },
    { name: `${block}.norm2.bias`, shape: [width] },
    { name: `${block}.mlp.in.weight`, shape: [4 * width, width] },
    { name: `${block}.mlp.in.bias`, shape: [4 * width] },
    { name: `${block}.mlp.out.weight`, shape: [width, 4 * width] },
    { name: `${block}.mlp.out.bias`, shape: [width] },
  ];
}

/**
 * GPT-2's initialisation (Radford et al., 2019): normal with deviation 0.02, those that write into the residual
 * stream smaller by √(2·layers); biases 0, norms 1. Each parameter has its own random stream.
 */
export function initialiseGpt(config: GptConfig, seed: number | string): Tensors {
  return Object.fromEntries(
    gptParameters(config).map(({ name, shape }) => [
      name,
      { shape, data: initialValues(config, seed, name, shape) },
    ]),
  );
}

function initialValues(
  config: GptConfig,
  seed: number | string,
  name: string,
  shape: readonly number[],
): Float32Array {
  const data = new Float32Array(sizeOf(shape));
  if (name.endsWith('bias')) return data;
  if (/norm\d?\.weight$/.test(name)) return data.fill(1);
  const deviation = name.endsWith('out.weight') ? 0.02 / Math.sqrt(2 * config.layers) : 0.02;
  const random = Random.of(seed, 'init', name);
  return data.map(() => deviation * random.normal());
}

/** What a forward pass may be given beside its tokens. */
export interface GptExtras {
  /** [B, T] int64: 1 at real tokens; none: every token is real, or stands before all padding. */
  readonly mask?: Value;
  /** [B, T] int64; none: 0, 1, … */
  readonly positions?: Value;
  /** Takes the place of a linear layer's output [B·T, out], given its module's name and its input [B·T, in]. */
  readonly adapt?: (module: string, input: Value, output: Value) => Value;
  /** Called with the residual stream [B·T, D] after the embedding and after each block. */
  readonly layer?: (stream: Value) => void;
}

/** What the blocks share. */
interface Stage {
  readonly config: GptConfig;
  /** 0 where a token may look, a large negative number where not: [T, T] or [B, 1, T, T]. */
  readonly mask: Value;
  readonly batch: Dim;
  readonly length: Dim;
  readonly adapt: GptExtras['adapt'];
}

/** The residual stream after the last block, before the final norm, one row per token: [B·T, D]. */
export function gptHidden(
  config: GptConfig,
  parameters: Lookup,
  tokens: Value,
  extras: GptExtras = {},
): Value {
  const { layers, width } = config;
  const [batch, length] = tokens.shape as [Dim, Dim]; // B, T
  const table = parameters('embedding.position');
  const positions =
    extras.positions === undefined ? takeFirst(table, 0, length) : gather(table, extras.positions); // [T, D] or [B, T, D]
  const embedded = add(gather(parameters('embedding.token'), tokens), positions); // [B, T, D]
  const causal = causalMask(tokens.graph, config, length); // [T, T]
  const mask = extras.mask === undefined ? causal : add(causal, paddingMask(extras.mask)); // … or [B, 1, T, T]
  const stage: Stage = { config, mask, batch, length, adapt: extras.adapt };
  let x = reshape(embedded, [product(batch, length), width]); // [B·T, D]
  extras.layer?.(x);
  for (let layer = 0; layer < layers; layer++) {
    x = tokens.graph.within(`block${layer}`, () => block(stage, parameters, `block${layer}`, x));
    extras.layer?.(x);
  }
  return x;
}

function block(stage: Stage, parameters: Lookup, name: string, x: Value): Value {
  const p: Lookup = (parameter) => parameters(`${name}.${parameter}`);
  const adapt =
    stage.adapt === undefined
      ? undefined
      : (module: string, input: Value, output: Value) => stage.adapt!(`${name}.${module}`, input, output);
  const attended = add(
    x,
    attention({ ...stage, adapt }, p, layerNorm(x, p('norm1.weight'), p('norm1.bias'))),
  );
  return add(attended, mlp(p, layerNorm(attended, p('norm2.weight'), p('norm2.bias')), adapt));
}

/** The final norm, of any selection of rows [N, D]. */
export function gptFinalNorm(parameters: Lookup, rows: Value): Value {
  return layerNorm(rows, parameters('norm.weight'), parameters('norm.bias'));
}

/** Logits of the next token for normed rows: [N, D] → [N, V]. */
export function gptLogits(parameters: Lookup, rows: Value): Value {
  return linear(rows, parameters('head.weight'));
}

/** The rows x [B·T, D] look at each other. */
function attention({ config, mask, batch, length, adapt = unadapted }: Stage, p: Lookup, x: Value): Value {
  const { width, heads } = config;
  const size = width / heads; // d
  const joined = adapt('attention.in', x, linear(x, p('attention.in.weight'), p('attention.in.bias'))); // [B·T, 3·D]
  const apart = transpose(reshape(joined, [batch, length, 3, heads, size]), [2, 0, 3, 1, 4]); // [3, B, H, T, d]
  const [q, k, v] = split(apart, 0, [1, 1, 1]).map((part) => reshape(part, [batch, heads, length, size])) as [
    Value, // [B, H, T, d]
    Value,
    Value,
  ];
  const scores = add(fusedMatmul(q, k, { transB: true, alpha: 1 / Math.sqrt(size) }), mask); // [B, H, T, T]
  const mixed = fusedMatmul(softmax(scores), v); // [B, H, T, d]
  const rows = reshape(transpose(mixed, [0, 2, 1, 3]), [product(batch, length), width]); // [B·T, D]
  return adapt('attention.out', rows, linear(rows, p('attention.out.weight'), p('attention.out.bias')));
}

const unadapted = (_module: string, _input: Value, output: Value) => output;

/** Wₒ·gelu(Wᵢ·x + bᵢ) + bₒ, with GELU's two constants moved into the products around it, if nobody looks between. */
function mlp(p: Lookup, x: Value, adapt: GptExtras['adapt']): Value {
  if (adapt !== undefined) {
    const wide = adapt('mlp.in', x, linear(x, p('mlp.in.weight'), p('mlp.in.bias'))); // [B·T, 4·D]
    const active = mul(scaledGelu(mul(wide, Math.SQRT1_2)), Math.SQRT1_2);
    return adapt('mlp.out', active, linear(active, p('mlp.out.weight'), p('mlp.out.bias')));
  }
  const h = linear(x, p('mlp.in.weight'), p('mlp.in.bias'), Math.SQRT1_2); // [B·T, 4·D], √½ of the usual
  return gemm(scaledGelu(h), p('mlp.out.weight'), p('mlp.out.bias'), { transB: true, alpha: Math.SQRT1_2 }); // [B·T, D]
}

/** −1e9 at padding, which nobody may look at: [B, 1, 1, T]. */
function paddingMask(mask: Value): Value {
  return unsqueeze(unsqueeze(mul(sub(1, cast(mask, 'float32')), -1e9), 1), 1);
}

/** 0 where a position (row) may look, a large negative number where it may not. */
function causalMask(graph: Graph, { context }: GptConfig, length: Dim): Value {
  const size = typeof length === 'number' ? length : context;
  const data = new Float32Array(size * size);
  for (let row = 0; row < size; row++) data.fill(-1e9, row * size + row + 1, (row + 1) * size);
  const full = graph.constant('float32', [size, size], data);
  return takeFirst(takeFirst(full, 0, length), 1, length);
}
