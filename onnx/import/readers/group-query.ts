/** @file com.microsoft.GroupQueryAttention, in which decoders keep their keys and values. */
import type { Value } from '../../graph.js';
import { slice, split } from '../../operators/index.js';
import { ShapeError } from '../../shape.js';
import type { NodeCall, Reader } from '../reader.js';
import { attend, causalBias, fromHeads, sizesOf, toHeads, together } from './attend.js';
import { atPositions, rotate } from './rotary.js';
import { required } from './values.js';

/** Which scores `qk_output` puts out. */
const scoresBeforeSoftmax = 1;

/**
 * Read for whole sequences without a past, padded on the right. How many keys of a row are real (`seqlens_k`) is then
 * nothing that a real token depends on: padding comes after it, and no token sees what comes after.
 */
export const readGroupQueryAttention: Reader = (call) => {
  const { graph, inputs, attributes, wanted } = call;
  refuse(call);
  const [positions, added, sink] = inputs.slice(9);
  const heads = attributes.int('num_heads');
  const { query, key, value } = unpack(call, heads, attributes.int('kv_num_heads'));
  const [, , length, size] = sizesOf(query, 4, 'the query') as [number, number, number, number];
  const turn = attributes.int('do_rotary', 0) === 1 ? rotation(call, positions, length) : (x: Value) => x;
  const turnedKey = turn(key);
  const window = attributes.int('local_window_size', -1);
  const attended = attend({
    query: turn(query),
    key: turnedKey,
    value,
    scale: attributes.float('scale', 0) || 1 / Math.sqrt(size),
    softcap: attributes.float('softcap', 0),
    bias: together([
      causalBias(graph, query.dtype, [length, length], 0, window > 0 ? window : Infinity),
      added,
    ]),
    sink:
      sink ??
      (attributes.int('smooth_softmax', 0) === 1
        ? graph.constant(query.dtype, [heads], Array<number>(heads).fill(0))
        : undefined),
  });
  const scores =
    attributes.int('qk_output', 0) === scoresBeforeSoftmax ? attended.biased : attended.probabilities;
  return [fromHeads(attended.output), turnedKey, value, wanted[3] ? scores : undefined];
};

function refuse({ inputs }: NodeCall): void {
  const past = inputs[3];
  if (past !== undefined && past.shape[2] !== 0) {
    throw new ShapeError(
      `keys of ${past.shape[2]} earlier positions are given: whole sequences are read, with a past of length 0`,
    );
  }
  if (inputs[12] !== undefined || inputs[13] !== undefined) {
    throw new ShapeError('a quantised cache (k_scale, v_scale) is not read: export the model without');
  }
}

function unpack(call: NodeCall, heads: number, keyHeads: number): { query: Value; key: Value; value: Value } {
  const query = required(call, 0, 'query');
  const [, key, value] = call.inputs;
  if (key !== undefined && value !== undefined) {
    return {
      query: toHeads(query, heads, 'the query'),
      key: toHeads(key, keyHeads, 'the key'),
      value: toHeads(value, keyHeads, 'the value'),
    };
  }
  const all = toHeads(query, heads + 2 * keyHeads, 'the packed query, key and value');
  const [q, k, v] = split(all, 1, [heads, keyHeads, keyHeads]) as [Value, Value, Value];
  return { query: q, key: k, value: v };
}

/** Turns heads by their positions, which are 0, 1, … where none are given. */
function rotation(call: NodeCall, positions: Value | undefined, length: number): (x: Value) => Value {
  const angles = (cache: Value) =>
    positions === undefined ? slice(cache, 0, 0, length) : atPositions(cache, positions);
  const cos = angles(required(call, 7, 'cos_cache'));
  const sin = angles(required(call, 8, 'sin_cache'));
  const interleaved = call.attributes.int('rotary_interleaved', 0) === 1;
  return (x) => rotate(x, cos, sin, interleaved);
}
