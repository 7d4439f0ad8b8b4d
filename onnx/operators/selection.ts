/** @file Where something stands, and what stands first: one-hot, top-k, the largest and its place, ranges. */
import type { Graph, Operator, Value } from '../graph.js';
import { normalizeAxis, type Shape } from '../shape.js';
import type { DataType } from '../tensor.js';
import { constantNumbers, forwardOnly, int64s, need, operator, sameType } from './define.js';
import { checkIndices } from './gather.js';
import { fill, replaceDim } from './movement.js';
import { scatterElements } from './scatter.js';

type Axis = { axis: number };

/** Inputs: indices, the constant number of classes, and two values: off and on. */
export const OneHot = operator<Axis>({
  name: 'OneHot',
  attributes: { axis: 'int' },
  defaults: { axis: -1 },
  infer: ({ inputs, attributes }) => {
    const [indices, values] = [need(inputs, 0), need(inputs, 2)];
    checkIndices(indices);
    const axis = normalizeAxis(attributes.axis, indices.shape.length + 1);
    const depth = constantNumbers(inputs, 1)[0] as number;
    return [
      { dtype: values.dtype, shape: [...indices.shape.slice(0, axis), depth, ...indices.shape.slice(axis)] },
    ];
  },
  gradient: forwardOnly('what it marks does not depend on numbers: put detach() around its values'),
});

/** Rows of zeros with a one at each index: […, depth]. */
export function oneHot(indices: Value, depth: number, dtype: DataType = 'float32'): Value {
  const { graph } = indices;
  const size = graph.constant(indices.dtype, [], [depth]);
  return graph.emitOne(OneHot, [indices, size, graph.constant(dtype, [2], [0, 1])], { axis: -1 });
}

export const TopK = operator<{ axis: number; largest: number; sorted: number }>({
  name: 'TopK',
  attributes: { axis: 'int', largest: 'int', sorted: 'int' },
  defaults: { axis: -1, largest: 1, sorted: 1 },
  infer: ({ inputs, attributes }) => {
    const x = need(inputs, 0);
    const shape = replaceDim(x.shape, attributes.axis, constantNumbers(inputs, 1)[0] as number);
    return [
      { dtype: x.dtype, shape },
      { dtype: 'int64', shape },
    ];
  },
  // The indices do not repeat: each gradient goes to its own place.
  gradient: ({ inputs, outputs, gradients, attributes: { axis } }) => {
    const x = need(inputs, 0);
    const zeros = fill(x.graph, x.dtype, x.shape);
    return [scatterElements(zeros, need(outputs, 1), need(gradients, 0), axis, 'none'), undefined];
  },
});

/** The k largest (or smallest) along an axis, in order, and where they stand. */
export function topK(x: Value, k: number, axis = -1, largest = true): { values: Value; indices: Value } {
  const at = normalizeAxis(axis, x.shape.length);
  const outputs = x.graph.emit(TopK, [x, int64s(x.graph, [k])], {
    axis: at,
    largest: Number(largest),
    sorted: 1,
  });
  return { values: outputs[0] as Value, indices: outputs[1] as Value };
}

type ArgumentAttributes = Axis & { keepdims: number; select_last_index?: number };

const argument = (name: string): Operator<ArgumentAttributes> =>
  operator<ArgumentAttributes>({
    name,
    attributes: { axis: 'int', keepdims: 'int', select_last_index: 'int' },
    defaults: { axis: 0, keepdims: 1 },
    infer: ({ inputs, attributes: { axis, keepdims } }) => {
      const x = need(inputs, 0);
      const at = normalizeAxis(axis, x.shape.length);
      const shape = keepdims === 1 ? replaceDim(x.shape, at, 1) : x.shape.filter((_, i) => i !== at);
      return [{ dtype: 'int64', shape }];
    },
    gradient: forwardOnly('an index has no slope: use reduceMax(), or softmax()'),
  });
export const ArgMax = argument('ArgMax');
export const ArgMin = argument('ArgMin');

/** Index of the largest element along an axis, the first of equals; the axis is dropped. */
export function argMax(x: Value, axis = -1): Value {
  return x.graph.emitOne(ArgMax, [x], { axis: normalizeAxis(axis, x.shape.length), keepdims: 0 });
}

/** Index of the smallest element along an axis, the first of equals; the axis is dropped. */
export function argMin(x: Value, axis = -1): Value {
  return x.graph.emitOne(ArgMin, [x], { axis: normalizeAxis(axis, x.shape.length), keepdims: 0 });
}

/** 1 at the largest element along an axis, the first of equals, and 0 elsewhere. */
export const Hardmax = operator<Axis>({
  name: 'Hardmax',
  attributes: { axis: 'int' },
  defaults: { axis: -1 },
  infer: ({ inputs, attributes }) => {
    const x = need(inputs, 0);
    normalizeAxis(attributes.axis, x.shape.length);
    return [x];
  },
  gradient: forwardOnly('it is flat between its steps: use softmax(), or put detach() around its input'),
});

/** Inputs: start, limit and step; constants, or `dims` says how many elements come out. */
export const Range = operator<{ dims?: Shape }>({
  name: 'Range',
  infer: ({ inputs, attributes }) => {
    const bound = (index: number) => constantNumbers(inputs, index)[0] as number;
    const count = () => Math.max(0, Math.ceil((bound(1) - bound(0)) / bound(2)));
    return [{ dtype: sameType(inputs, 0, 1, 2), shape: attributes.dims ?? [count()] }];
  },
  gradient: forwardOnly(
    'its elements are given by its bounds: multiply a constant range by the step instead',
  ),
});

/** 0, 1, … as many as `size`, which is an int64 scalar whose value the dimension `dim` names. */
export function range(graph: Graph, size: Value, dim: Shape[number]): Value {
  return graph.emitOne(Range, [graph.scalar(0, 'int64'), size, graph.scalar(1, 'int64')], { dims: [dim] });
}
