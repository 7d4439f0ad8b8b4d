/** @file ONNX Runtime's fused attentions of encoders: Attention (projections included) and MultiHeadAttention. */
import type { Value } from '../../graph.js';
import {
  add,
  and,
  concat,
  gemm,
  greater,
  greaterOrEqual,
  less,
  reshape,
  slice,
  split,
  unsqueeze,
} from '../../operators/index.js';
import { ShapeError, shapeText } from '../../shape.js';
import type { NodeCall, Reader, Readers } from '../reader.js';
import {
  attend,
  type Attended,
  biasWhere,
  causalBias,
  fromHeads,
  sizesOf,
  toHeads,
  together,
  withPast,
} from './attend.js';
import { readGroupQueryAttention } from './group-query.js';
import { readOnnxAttention } from './onnx-attention.js';
import { counting, required } from './values.js';

/** A mask in one of com.microsoft's forms as what is added to scores; broadcast to [B, H, S, T]. */
function maskBias(mask: Value | undefined, like: Value, keys: number, masked: number): Value | undefined {
  if (mask === undefined) return undefined;
  const batch = like.shape[0] as number;
  const bias = (seen: Value) => biasWhere(seen, like.dtype, masked);
  const positions = counting(mask.graph, mask.dtype, keys);
  const column = (of: Value) => reshape(of, [batch, 1, 1, 1]);
  switch (mask.shape.length) {
    case 1: {
      if (mask.shape[0] === batch) return bias(less(positions, column(mask))); // how many keys are real
      if (mask.shape[0] !== 2 * batch) break;
      const [ends, starts] = split(mask, 0, [batch, batch]) as [Value, Value];
      return bias(and(less(positions, column(ends)), greaterOrEqual(positions, column(starts))));
    }
    case 2:
      return bias(greater(reshape(mask, [batch, 1, 1, keys]), 0));
    case 3:
      return bias(greater(unsqueeze(mask, 1), 0));
  }
  throw new ShapeError(
    `a mask of shape ${shapeText(mask.shape)} is not read: expected [${batch}], [${2 * batch}], ` +
      `[${batch}, ${keys}] or [${batch}, queries, ${keys}]; export the model with a mask of 0 and 1 per token`,
  );
}

/** What Attention and MultiHeadAttention have in common once there are heads. */
function attendMasked(
  { graph, attributes }: NodeCall,
  given: { query: Value; key: Value; value: Value; past: number; mask?: Value; added?: Value },
): Attended {
  const { query, key, value, past, mask, added } = given;
  const [, , length, size] = sizesOf(query, 4, 'the query') as [number, number, number, number];
  const keys = key.shape[2] as number;
  const bias = together([
    maskBias(mask, query, keys, attributes.float('mask_filter_value', -10000)),
    attributes.int('unidirectional', 0) === 1
      ? causalBias(graph, query.dtype, [length, keys], past)
      : undefined,
    added,
  ]);
  const scale = attributes.float('scale', 0) || 1 / Math.sqrt(size);
  return attend({ query, key, value, scale, bias });
}

/** com.microsoft.Attention: queries, keys and values by one product, [B, S, W] · [W, Q + K + V]. */
const readAttention: Reader = (call) => {
  const x = required(call, 0, 'input');
  const rows = reshape(x, [-1, x.shape.at(-1) as number]);
  return attendProjected(call, gemm(rows, required(call, 1, 'weights'), call.inputs[2]));
};

/** com.microsoft.Attention behind its product: `packed` holds queries, keys and values, [B·S, Q + K + V]. */
export function attendProjected(call: NodeCall, packed: Value): (Value | undefined)[] {
  const { inputs, attributes, wanted } = call;
  const [mask, past, added] = inputs.slice(3);
  const [batch, length] = sizesOf(required(call, 0, 'input'), 3, 'the input') as [number, number, number];
  if (attributes.int('do_rotary', 0) === 1) {
    throw new ShapeError(
      'do_rotary is not read: export the model with RotaryEmbedding operators of their own',
    );
  }
  const heads = attributes.int('num_heads');
  const total = packed.shape[1] as number;
  const widths = attributes.ints('qkv_hidden_sizes') ?? [total / 3, total / 3, total / 3];
  const [query, newKey, newValue] = split(reshape(packed, [batch, length, total]), 2, widths).map((part) =>
    toHeads(part, heads, 'the projected input'),
  ) as [Value, Value, Value];
  const [pastKey, pastValue] = past === undefined ? [] : splitPast(past);
  const [key, value] = [withPast(pastKey, newKey), withPast(pastValue, newValue)];
  const { output } = attendMasked(call, {
    query,
    key,
    value,
    past: (pastKey?.shape[2] as number | undefined) ?? 0,
    mask,
    added,
  });
  return [fromHeads(output), wanted[1] ? concat([unsqueeze(key, 0), unsqueeze(value, 0)], 0) : undefined];
}

/** Keys and values of earlier calls, [2, B, H, P, D]. */
function splitPast(past: Value): [Value, Value] {
  const rest = past.shape.slice(1);
  return [0, 1].map((i) => reshape(slice(past, 0, i, i + 1), rest)) as [Value, Value];
}

/** com.microsoft.MultiHeadAttention: projections come in, apart or packed. */
const readMultiHeadAttention: Reader = (call) => {
  const { inputs, attributes, wanted } = call;
  const [, , , bias, mask, added, pastKey, pastValue] = inputs;
  const heads = attributes.int('num_heads');
  const { query, key: newKey, value: newValue } = unpacked(call, heads, bias);
  const [key, value] = [withPast(pastKey, newKey), withPast(pastValue, newValue)];
  const past = (pastKey?.shape[2] as number | undefined) ?? 0;
  const attended = attendMasked(call, { query, key, value, past, mask, added });
  return [
    fromHeads(attended.output),
    wanted[1] ? key : undefined,
    wanted[2] ? value : undefined,
    attended.biased,
  ];
};

interface Heads {
  readonly query: Value;
  readonly key: Value;
  readonly value: Value;
}

/** Heads [B, H, ·, D] of queries, keys and values, whichever way they are packed, with the bias [Q + K + V] added. */
function unpacked(call: NodeCall, heads: number, bias: Value | undefined): Heads {
  const first = required(call, 0, 'query');
  const [, key, value] = call.inputs;
  const apart = (packed: Value, parts: number): Value[] =>
    split(packed, 3, Array<number>(parts).fill(1)).map((part) => {
      const [batch, length, , , size] = sizesOf(part, 5, 'a packed input') as [
        number,
        number,
        number,
        number,
        number,
      ];
      return reshape(part, [batch, length, heads * size]);
    });
  // [B, L, H·D] in all forms but keys and values of another sequence that have their heads already.
  const [query, keys, values] =
    first.shape.length === 5
      ? apart(first, 3)
      : key?.shape.length === 5
        ? [first, ...apart(key, 2)]
        : [first, key ?? first, value ?? key ?? first];
  const parts = [query, keys, values] as Value[];
  const widths = parts.map((part) =>
    part.shape.length === 4 ? heads * Number(part.shape[3]) : Number(part.shape[2]),
  );
  const biases = bias === undefined ? [] : split(bias, 0, widths);
  const [q, k, v] = parts.map((part, i) => {
    if (part.shape.length === 4) return part;
    const own = biases[i];
    return toHeads(own === undefined ? part : add(part, own), heads, 'an input');
  });
  return { query: q as Value, key: k as Value, value: v as Value };
}

export const attention: Readers = {
  Attention: readOnnxAttention,
  'com.microsoft:Attention': readAttention,
  'com.microsoft:MultiHeadAttention': readMultiHeadAttention,
  'com.microsoft:GroupQueryAttention': readGroupQueryAttention,
};
