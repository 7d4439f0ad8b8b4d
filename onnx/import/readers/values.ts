/** @file Small things that readers of fused operators share. */
import type { Graph, Value } from '../../graph.js';
import { cast } from '../../operators/index.js';
import { ShapeError } from '../../shape.js';
import { type DataType, isFloat } from '../../tensor.js';
import type { NodeCall } from '../reader.js';

/** An input that has to be there. */
export function required({ inputs }: NodeCall, index: number, name: string): Value {
  const value = inputs[index];
  if (value === undefined) throw new ShapeError(`input ${index} (${name}) is missing`);
  return value;
}

/** 0, 1, … as many as `count`: [count]. */
export function counting(graph: Graph, dtype: DataType, count: number): Value {
  return graph.constant(
    dtype,
    [count],
    Array.from({ length: count }, (_, i) => i),
  );
}

/** Floats of 16 bits as float32, with which everything is computed. */
export function computable(x: Value): Value {
  return isFloat(x.dtype) ? x : cast(x, 'float32');
}
