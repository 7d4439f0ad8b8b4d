/** @file Rotary position embeddings: ONNX's own operator and ONNX Runtime's, and the rotation itself. */
import type { Value } from '../../graph.js';
import { add, concat, gather, mul, reshape, slice, split, sub, unsqueeze } from '../../operators/index.js';
import { ShapeError, shapeText } from '../../shape.js';
import type { Reader, Readers } from '../reader.js';
import { fromHeads, sizesOf, toHeads } from './attend.js';
import { counting, required } from './values.js';

/**
 * Turns the first 2·R of each head's elements by angles; the others stay.
 *
 * @param x [B, H, S, D]
 * @param cos and sin: broadcast to [B, 1, S, R]
 * @param interleaved pairs are neighbours, rather than R apart
 */
export function rotate(x: Value, cos: Value, sin: Value, interleaved: boolean): Value {
  const [batch, heads, length, size] = sizesOf(x, 4, 'what is turned') as [number, number, number, number];
  const half = cos.shape.at(-1) as number;
  if (2 * half > size) {
    throw new ShapeError(`angles for ${2 * half} elements do not go with heads of ${size}`);
  }
  const turned = 2 * half === size ? x : slice(x, 3, 0, 2 * half);
  const [a, b] = interleaved
    ? split(reshape(turned, [batch, heads, length, half, 2]), 4, [1, 1]).map((part) =>
        reshape(part, [batch, heads, length, half]),
      )
    : split(turned, 3, [half, half]);
  const [left, right] = [a as Value, b as Value];
  const real = sub(mul(left, cos), mul(right, sin));
  const imaginary = add(mul(right, cos), mul(left, sin));
  const result = interleaved
    ? reshape(concat([unsqueeze(real, 4), unsqueeze(imaginary, 4)], 4), [batch, heads, length, 2 * half])
    : concat([real, imaginary], 3);
  return turned === x ? result : concat([result, slice(x, 3, 2 * half, size)], 3);
}

/** Rows of a cache [positions, R] at positions [B, S]: [B, 1, S, R]. */
export function atPositions(cache: Value, positions: Value): Value {
  return unsqueeze(gather(cache, positions), 1);
}

/** Both forms of input: heads [B, H, S, D] as they are; rows [B, S, H·D], for which `heads` have to be known. */
function withHeads(x: Value, heads: () => number, turn: (x: Value) => Value): Value {
  switch (x.shape.length) {
    case 4:
      return turn(x);
    case 3:
      return fromHeads(turn(toHeads(x, heads(), 'the input')));
    default:
      throw new ShapeError(`an input of shape ${shapeText(x.shape)}: expected three or four axes`);
  }
}

/** com.microsoft.RotaryEmbedding: input, positions [1] (of the first token) or [B, S], caches [positions, R]. */
const readMicrosoft: Reader = (call) => {
  const { graph, attributes } = call;
  const x = required(call, 0, 'input');
  const positions = required(call, 1, 'position_ids');
  const [cos, sin] = [required(call, 2, 'cos_cache'), required(call, 3, 'sin_cache')];
  const dim = attributes.int('rotary_embedding_dim', 0);
  const scale = attributes.float('scale', 1);
  const length = x.shape[x.shape.length === 4 ? 2 : 1] as number;
  const at =
    positions.shape.length === 2
      ? positions
      : unsqueeze(add(counting(graph, positions.dtype, length), positions), 0);
  const heads = () =>
    attributes.int('num_heads', 0) || (x.shape[2] as number) / (dim || 2 * (cos.shape[1] as number));
  const angles = (cache: Value) => {
    const rows = atPositions(cache, at);
    return scale === 1 ? rows : mul(rows, scale);
  };
  const interleaved = attributes.int('interleaved', 0) === 1;
  return [withHeads(x, heads, (part) => rotate(part, angles(cos), angles(sin), interleaved))];
};

/** RotaryEmbedding of ONNX 23: caches [positions, R] with positions [B, S], or [B, S, R] without. */
const readOnnx: Reader = (call) => {
  const { attributes } = call;
  const x = required(call, 0, 'X');
  const [cos, sin] = [required(call, 1, 'cos_cache'), required(call, 2, 'sin_cache')];
  const positions = call.inputs[3];
  const angles = (cache: Value) =>
    positions === undefined ? unsqueeze(cache, 1) : atPositions(cache, positions);
  const interleaved = attributes.int('interleaved', 0) === 1;
  const heads = () => attributes.int('num_heads');
  return [withHeads(x, heads, (part) => rotate(part, angles(cos), angles(sin), interleaved))];
};

export const rotary: Readers = {
  RotaryEmbedding: readOnnx,
  'com.microsoft:RotaryEmbedding': readMicrosoft,
};
