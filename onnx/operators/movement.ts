/** @file What moves elements and computes nothing: reshape, transpose, expand, slice, concatenate, split. */
import type { Graph, Value } from '../graph.js';
import {
  broadcast,
  type Dim,
  dimAt,
  elementCount,
  normalizeAxis,
  product,
  sameShape,
  type Shape,
  ShapeError,
  shapeText,
  staticShape,
} from '../shape.js';
import type { DataType } from '../tensor.js';
import { constantNumbers, forwardOnly, int64s, need, operator, sameType } from './define.js';
import { mul, unbroadcast } from './elementwise.js';
import { reduceSum } from './reduction.js';

/** The sizes of a value's axes from `start` up to `end`, when the graph runs. */
export const ShapeOf = operator<{ start: number; end: number }>({
  name: 'Shape',
  attributes: { start: 'int', end: 'int' },
  infer: ({ attributes }) => [{ dtype: 'int64', shape: [attributes.end - attributes.start] }],
  gradient: forwardOnly('sizes do not depend on elements'),
});

/**
 * A shape as an int64 vector: a constant where all sizes are known, else put together when the graph runs,
 * each named dimension read off an input that has it.
 */
export function runtimeShape(graph: Graph, shape: Shape): Value {
  if (shape.every((dim) => typeof dim === 'number')) return int64s(graph, shape);
  return concat(
    shape.map((dim) => (typeof dim === 'number' ? int64s(graph, [dim]) : dimensionOf(graph, dim))),
    0,
  );
}

/** The size of a named dimension, as an int64 vector of one element. */
export function dimensionOf(graph: Graph, name: string): Value {
  if (name.includes('·')) {
    const factors = name
      .split('·')
      .map((part) => runtimeShape(graph, [Number.isInteger(Number(part)) ? Number(part) : part]));
    return factors.reduce((a, b) => mul(a, b));
  }
  for (const input of graph.inputs) {
    const axis = input.shape.indexOf(name);
    if (axis >= 0) return graph.emitOne(ShapeOf, [input], { start: axis, end: axis + 1 });
  }
  throw new ShapeError(`no input of the graph has a dimension named "${name}"`);
}

export const Reshape = operator<{ dims: Shape }>({
  name: 'Reshape',
  infer: ({ inputs, attributes }) => {
    const x = need(inputs, 0);
    if (product(...x.shape) !== product(...attributes.dims)) {
      throw new ShapeError(
        `${shapeText(x.shape)} does not hold the elements of ${shapeText(attributes.dims)}`,
      );
    }
    return [{ dtype: x.dtype, shape: attributes.dims }];
  },
  gradient: ({ inputs, gradients }) => [reshape(need(gradients, 0), need(inputs, 0).shape), undefined],
});

/** The same elements under another shape; one dimension may be −1, for "what is left". */
export function reshape(x: Value, shape: Shape): Value {
  const dims = shape.includes(-1) ? fillIn(x.shape, shape) : shape;
  if (sameShape(x.shape, dims)) return x;
  const unknown = dims.filter((dim) => typeof dim === 'string').length;
  const target =
    unknown === 1
      ? int64s(
          x.graph,
          dims.map((dim) => (typeof dim === 'number' ? dim : -1)),
        )
      : runtimeShape(x.graph, dims);
  return x.graph.emitOne(Reshape, [x, target], { dims });
}

function fillIn(from: Shape, shape: Shape): Shape {
  const [total, rest] = [from, shape.filter((dim) => dim !== -1)].map((dims) => elementCount(dims)) as [
    Count,
    Count,
  ];
  const names = [...total.names];
  for (const name of rest.names) names.splice(names.indexOf(name), 1);
  return shape.map((dim) => (dim === -1 ? product(total.factor / rest.factor, ...names) : dim));
}
type Count = ReturnType<typeof elementCount>;

/** A new axis of size 1. */
export function unsqueeze(x: Value, axis: number): Value {
  const at = axis < 0 ? axis + x.shape.length + 1 : axis;
  return reshape(x, [...x.shape.slice(0, at), 1, ...x.shape.slice(at)]);
}

export const Transpose = operator<{ perm: readonly number[] }>({
  name: 'Transpose',
  attributes: { perm: 'ints' },
  infer: ({ inputs, attributes: { perm } }) => {
    const x = need(inputs, 0);
    if (x.shape.length !== perm.length || new Set(perm).size !== perm.length) {
      throw new ShapeError(`${shapeText(perm)} does not permute the axes of ${shapeText(x.shape)}`);
    }
    return [{ dtype: x.dtype, shape: perm.map((axis) => dimAt(x.shape, axis)) }];
  },
  gradient: ({ attributes: { perm }, gradients }) => [
    transpose(
      need(gradients, 0),
      perm.map((_, axis) => perm.indexOf(axis)),
    ),
  ],
});

export function transpose(x: Value, perm: readonly number[]): Value {
  return x.graph.emitOne(Transpose, [x], { perm });
}

export const Expand = operator<{ dims: Shape }>({
  name: 'Expand',
  infer: ({ inputs, attributes }) => {
    const x = need(inputs, 0);
    if (!sameShape(broadcast(x.shape, attributes.dims), attributes.dims)) {
      throw new ShapeError(`${shapeText(x.shape)} does not expand to ${shapeText(attributes.dims)}`);
    }
    return [{ dtype: x.dtype, shape: attributes.dims }];
  },
  gradient: ({ inputs, gradients }) => [unbroadcast(need(gradients, 0), need(inputs, 0)), undefined],
});

/** Repeats along axes of size 1 and new leading axes. */
export function expand(x: Value, dims: Shape): Value {
  if (sameShape(x.shape, dims)) return x;
  return x.graph.emitOne(Expand, [x, runtimeShape(x.graph, dims)], { dims });
}

/** One number everywhere, in a shape whose sizes may be known only when the graph runs. */
export function fill(graph: Graph, dtype: DataType, dims: Shape, value = 0): Value {
  return expand(graph.scalar(value, dtype), dims);
}

export const Slice = operator({
  name: 'Slice',
  infer: ({ inputs }) => {
    const x = need(inputs, 0);
    const [starts, ends, axes] = [1, 2, 3].map((index) => constantNumbers(inputs, index)) as [
      number[],
      number[],
      number[],
    ];
    const shape = [...x.shape];
    axes.forEach((axis, i) => {
      const size = dimAt(x.shape, axis);
      const [start, end] = [starts[i] as number, ends[i] as number];
      if (typeof size === 'string' || start < 0 || end > size || start > end) {
        throw new ShapeError(`${start}…${end} is not a range of an axis of size ${size}`);
      }
      shape[normalizeAxis(axis, shape.length)] = end - start;
    });
    return [{ dtype: x.dtype, shape }];
  },
  gradient: ({ inputs, gradients }) => {
    const x = need(inputs, 0);
    let dx = need(gradients, 0);
    const [starts, ends, axes] = [1, 2, 3].map((index) => constantNumbers(inputs, index)) as [
      number[],
      number[],
      number[],
    ];
    axes.forEach((axis, i) => {
      const zeros = (size: number) => fill(x.graph, x.dtype, replaceDim(dx.shape, axis, size));
      const [start, end, size] = [starts[i] as number, ends[i] as number, dimAt(x.shape, axis) as number];
      dx = concat(
        [...(start > 0 ? [zeros(start)] : []), dx, ...(end < size ? [zeros(size - end)] : [])],
        axis,
      );
    });
    return [dx, undefined, undefined, undefined];
  },
});

function replaceDim(shape: Shape, axis: number, dim: Dim): Shape {
  return shape.map((old, i) => (i === normalizeAxis(axis, shape.length) ? dim : old));
}

/** Elements `start` up to `end` of an axis. */
export function slice(x: Value, axis: number, start: number, end: number): Value {
  const at = normalizeAxis(axis, x.shape.length);
  if (start === 0 && end === x.shape[at]) return x;
  const vector = (value: number) => int64s(x.graph, [value]);
  return x.graph.emitOne(Slice, [x, vector(start), vector(end), vector(at)], {});
}

/**
 * The first rows of a table, as many as a dimension says: for tables with a row per position. Unlike
 * {@link slice} it takes a dimension whose size is known only when the graph runs, and then has no gradient.
 */
export const TakeFirst = operator<{ dims: Shape }>({
  name: 'TakeFirst',
  type: 'Slice',
  infer: ({ inputs, attributes }) => [{ dtype: need(inputs, 0).dtype, shape: attributes.dims }],
  gradient: forwardOnly('give the graph fixed sizes, so that slice() does it'),
});

export function takeFirst(x: Value, axis: number, size: Dim): Value {
  if (typeof size === 'number') return slice(x, axis, 0, size);
  const { graph } = x;
  const at = normalizeAxis(axis, x.shape.length);
  const inputs = [x, int64s(graph, [0]), dimensionOf(graph, size), int64s(graph, [at])];
  return graph.emitOne(TakeFirst, inputs, { dims: replaceDim(x.shape, at, size) });
}

export const Concat = operator<{ axis: number }>({
  name: 'Concat',
  attributes: { axis: 'int' },
  infer: ({ inputs, attributes: { axis } }) => {
    const first = need(inputs, 0);
    const sizes = inputs.map((_, i) => {
      const { shape } = need(inputs, i);
      if (!sameShape(replaceDim(shape, axis, 0), replaceDim(first.shape, axis, 0))) {
        throw new ShapeError(`${shapeText(first.shape)} and ${shapeText(shape)} differ off axis ${axis}`);
      }
      return dimAt(shape, axis);
    });
    const total = staticShape(sizes, 'the axis of a concatenation').reduce((sum, size) => sum + size, 0);
    return [{ dtype: sameType(inputs, ...inputs.keys()), shape: replaceDim(first.shape, axis, total) }];
  },
  gradient: ({ inputs, attributes: { axis }, gradients }) => {
    const sizes = inputs.map((_, i) => dimAt(need(inputs, i).shape, axis) as number);
    return split(need(gradients, 0), axis, sizes);
  },
});

export function concat(parts: readonly Value[], axis: number): Value {
  const [first] = parts;
  if (first === undefined) throw new ShapeError('there is nothing to concatenate');
  if (parts.length === 1) return first;
  return first.graph.emitOne(Concat, parts, { axis: normalizeAxis(axis, first.shape.length) });
}

export const Split = operator<{ axis: number }>({
  name: 'Split',
  attributes: { axis: 'int' },
  infer: ({ inputs, attributes: { axis } }) => {
    const x = need(inputs, 0);
    const sizes = constantNumbers(inputs, 1);
    const total = sizes.reduce((sum, size) => sum + size, 0);
    if (total !== dimAt(x.shape, axis)) {
      throw new ShapeError(
        `parts of ${sizes.join(' + ')} do not make up axis ${axis} of ${shapeText(x.shape)}`,
      );
    }
    return sizes.map((size) => ({ dtype: x.dtype, shape: replaceDim(x.shape, axis, size) }));
  },
  gradient: ({ outputs, attributes: { axis }, gradients }) => {
    const parts = outputs.map((output, i) => gradients[i] ?? fill(output.graph, output.dtype, output.shape));
    return [concat(parts, axis), undefined];
  },
});

/** Consecutive parts of an axis. */
export function split(x: Value, axis: number, sizes: readonly number[]): Value[] {
  if (sizes.length === 1) return [x];
  const at = normalizeAxis(axis, x.shape.length);
  return x.graph.emit(Split, [x, int64s(x.graph, sizes)], { axis: at });
}

/** Keeps the gradient's shape honest where a sum runs over leading axes: [..., n] → [n]. */
export function sumLeading(x: Value): Value {
  return reduceSum(
    x,
    x.shape.slice(0, -1).map((_, axis) => axis),
  );
}
