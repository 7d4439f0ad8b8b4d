/** @file How much memory a graph's values take while it runs. */
import type { Value } from './graph.js';
import type { LiveGraph } from './prune.js';
import { type DataType, sizeOf } from './tensor.js';

const bitsOf: Readonly<Record<DataType, number>> = {
  float64: 64,
  int64: 64,
  float32: 32,
  int32: 32,
  float16: 16,
  bfloat16: 16,
  uint8: 8,
  int8: 8,
  bool: 8,
  uint4: 4,
  int4: 4,
};

/** Bytes of a value's elements; those of dimensions that only a run knows are not counted. */
export function bytesOfValue({ dtype, shape }: Pick<Value, 'dtype' | 'shape'>): number {
  const known = shape.filter((dim): dim is number => typeof dim === 'number');
  return (sizeOf(known) * bitsOf[dtype]) / 8;
}

/**
 * The most bytes that the nodes' outputs take at once, if they run in order and each is given back after its last
 * use. ONNX Runtime may order the nodes otherwise: it is an estimate.
 */
export function peakBytes({ nodes }: Pick<LiveGraph, 'nodes'>): number {
  const lastUse = new Map<Value, number>();
  nodes.forEach(({ inputs, outputs }, index) => {
    for (const value of [...inputs, ...outputs]) if (value !== undefined) lastUse.set(value, index);
  });
  const made = new Set(nodes.flatMap(({ outputs }) => outputs));
  let [bytes, peak] = [0, 0];
  nodes.forEach(({ inputs, outputs }, index) => {
    for (const output of outputs) bytes += bytesOfValue(output);
    peak = Math.max(peak, bytes);
    const ended = new Set([...inputs, ...outputs]);
    for (const value of ended) {
      if (value !== undefined && made.has(value) && lastUse.get(value) === index)
        bytes -= bytesOfValue(value);
    }
  });
  return peak;
}
