/** @file ONNX's own Attention (operator sets 23 and 24). */
import type { Value } from '../../graph.js';
import { concat, fill, less, max, reshape } from '../../operators/index.js';
import { ShapeError, shapeText } from '../../shape.js';
import type { NodeCall, Reader } from '../reader.js';
import {
  attend,
  biasWhere,
  causalBias,
  fromHeads,
  lowest,
  sizesOf,
  toHeads,
  together,
  withPast,
} from './attend.js';
import { counting, required } from './values.js';

/** Queries, keys and values as rows [B, S, H·D] or heads [B, H, S, D]; what comes out has the query's form. */
export const readOnnxAttention: Reader = (call) => {
  const { graph, attributes, inputs } = call;
  const given = required(call, 0, 'Q');
  const heads = (index: number, name: string, count: string) => {
    const x = required(call, index, name);
    return x.shape.length === 4 ? x : toHeads(x, attributes.int(count), name);
  };
  const query = heads(0, 'Q', 'q_num_heads');
  const [mask, pastKey, pastValue, realKeys] = inputs.slice(3);
  const key = withPast(pastKey, heads(1, 'K', 'kv_num_heads'));
  const value = withPast(pastValue, heads(2, 'V', 'kv_num_heads'));
  const [batch, , length, size] = sizesOf(query, 4, 'Q') as [number, number, number, number];
  const keys = key.shape[2] as number;
  const bias = together([
    mask === undefined ? undefined : maskBias(mask, query, keys),
    attributes.int('is_causal', 0) === 1
      ? causalBias(graph, query.dtype, [length, keys], Number(pastKey?.shape[2] ?? 0))
      : undefined,
    realKeys === undefined
      ? undefined
      : biasWhere(less(counting(graph, 'int64', keys), reshape(realKeys, [batch, 1, 1, 1])), query.dtype),
  ]);
  const attended = attend({
    query,
    key,
    value,
    scale: attributes.float('scale', 0) || 1 / Math.sqrt(size),
    bias,
    softcap: attributes.float('softcap', 0),
  });
  const output = given.shape.length === 4 ? attended.output : fromHeads(attended.output);
  return [output, key, value, scoresOf(call, attended)];
};

function scoresOf({ attributes }: NodeCall, attended: ReturnType<typeof attend>): Value {
  const mode = attributes.int('qk_matmul_output_mode', 0);
  const { scores, capped, biased, probabilities } = attended;
  const result = [scores, capped, biased, probabilities][mode];
  if (result === undefined) throw new ShapeError(`qk_matmul_output_mode is ${mode}: expected 0, 1, 2 or 3`);
  return result;
}

/** Booleans (true: seen) or numbers to be added, broadcast to [B, H, S, T]; keys beyond its end are not seen. */
function maskBias(mask: Value, query: Value, keys: number): Value {
  const { graph, dtype } = query;
  const bias = mask.dtype === 'bool' ? biasWhere(mask, dtype) : max(mask, lowest);
  const given = bias.shape.at(-1);
  if (given === keys || given === 1) return bias;
  if (typeof given !== 'number' || given > keys) {
    throw new ShapeError(`a mask of shape ${shapeText(mask.shape)} does not go with ${keys} keys`);
  }
  const unseen = fill(graph, dtype, [...bias.shape.slice(0, -1), keys - given], lowest);
  return concat([bias, unseen], bias.shape.length - 1);
}
