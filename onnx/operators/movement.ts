/** @file What moves elements and computes nothing: transpose, expand, tile, concatenate, split, triangles. */
import type { Graph, Operator, Value } from '../graph.js';
import {
  broadcast,
  type Dim,
  dimAt,
  normalizeAxis,
  sameShape,
  type Shape,
  ShapeError,
  shapeText,
  staticShape,
} from '../shape.js';
import type { DataType } from '../tensor.js';
import { constantNumbers, int64s, need, operator, sameType } from './define.js';
import { unbroadcast } from './pointwise.js';
import { reduceSum } from './reduction.js';
import { reshape, runtimeShape } from './reshape.js';

/** Without a permutation, the axes are reversed. */
export const Transpose = operator<{ perm?: readonly number[] }>({
  name: 'Transpose',
  attributes: { perm: 'ints' },
  infer: ({ inputs, attributes }) => {
    const x = need(inputs, 0);
    const perm = attributes.perm ?? reversed(x);
    if (x.shape.length !== perm.length || new Set(perm).size !== perm.length) {
      throw new ShapeError(`${shapeText(perm)} does not permute the axes of ${shapeText(x.shape)}`);
    }
    return [{ dtype: x.dtype, shape: perm.map((axis) => dimAt(x.shape, axis)) }];
  },
  gradient: ({ inputs, attributes, gradients }) => {
    const perm = attributes.perm ?? reversed(need(inputs, 0));
    return [
      transpose(
        need(gradients, 0),
        perm.map((_, axis) => perm.indexOf(axis)),
      ),
    ];
  },
});

function reversed({ shape }: Value): number[] {
  return shape.map((_, axis) => shape.length - 1 - axis);
}

export function transpose(x: Value, perm: readonly number[]): Value {
  return x.graph.emitOne(Transpose, [x], { perm });
}

/** `dims` is the result's shape where it is known; without it, it is what x and the constant second input broadcast to. */
export const Expand = operator<{ dims?: Shape }>({
  name: 'Expand',
  infer: ({ inputs, attributes }) => {
    const x = need(inputs, 0);
    const dims = attributes.dims ?? broadcast(x.shape, constantNumbers(inputs, 1));
    if (!sameShape(broadcast(x.shape, dims), dims)) {
      throw new ShapeError(`${shapeText(x.shape)} does not expand to ${shapeText(dims)}`);
    }
    return [{ dtype: x.dtype, shape: dims }];
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

/** Inputs: x, and as a constant how often it is repeated along each axis. */
export const Tile = operator({
  name: 'Tile',
  infer: ({ inputs }) => {
    const x = need(inputs, 0);
    const repeats = constantNumbers(inputs, 1);
    if (repeats.length !== x.shape.length) {
      throw new ShapeError(`${repeats.length} numbers of repeats for ${x.shape.length} axes`);
    }
    const shape = x.shape.map((dim, axis) => {
      const times = repeats[axis] as number;
      if (times === 1) return dim;
      if (typeof dim === 'number') return dim * times;
      throw new ShapeError(`axis ${axis} of ${shapeText(x.shape)} has no size yet: it cannot be repeated`);
    });
    return [{ dtype: x.dtype, shape }];
  },
  gradient: ({ inputs, gradients }) => {
    const x = need(inputs, 0);
    const repeats = constantNumbers(inputs, 1);
    // Each axis as repeats × elements; the sum is over the repeats.
    const apart = x.shape.flatMap((dim, axis) => [repeats[axis] as number, dim]);
    const repeated = repeats.flatMap((times, axis) => (times === 1 ? [] : [2 * axis]));
    return [reshape(reduceSum(reshape(need(gradients, 0), apart), repeated), x.shape), undefined];
  },
});

/** Copies side by side, as many along each axis as `repeats` says. */
export function tile(x: Value, repeats: readonly number[]): Value {
  return x.graph.emitOne(Tile, [x, int64s(x.graph, repeats)], {});
}

export function replaceDim(shape: Shape, axis: number, dim: Dim): Shape {
  return shape.map((old, i) => (i === normalizeAxis(axis, shape.length) ? dim : old));
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

/** The parts are as large as a constant second input says, or else `num_outputs` of equal size, the last one smaller. */
export const Split = operator<{ axis: number; num_outputs?: number }>({
  name: 'Split',
  attributes: { axis: 'int', num_outputs: 'int' },
  defaults: { axis: 0 },
  infer: ({ inputs, attributes: { axis, num_outputs: count } }) => {
    const x = need(inputs, 0);
    const sizes =
      inputs[1] === undefined ? evenSizes(dimAt(x.shape, axis), count) : constantNumbers(inputs, 1);
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

function evenSizes(size: Dim, count: number | undefined): number[] {
  if (typeof size === 'string' || count === undefined || count < 1) {
    throw new ShapeError(
      'a split needs the sizes of its parts, or their number and a size known when the graph is built',
    );
  }
  const each = Math.ceil(size / count);
  return Array.from({ length: count }, (_, i) => Math.max(0, Math.min(each, size - i * each)));
}

/** Consecutive parts of an axis. */
export function split(x: Value, axis: number, sizes: readonly number[]): Value[] {
  if (sizes.length === 1) return [x];
  const at = normalizeAxis(axis, x.shape.length);
  return x.graph.emit(Split, [x, int64s(x.graph, sizes)], { axis: at });
}

/** Inputs: matrices, and if given the number of a diagonal (0: the main one, above it positive). */
export const Trilu: Operator<{ upper: number }> = operator<{ upper: number }>({
  name: 'Trilu',
  attributes: { upper: 'int' },
  defaults: { upper: 1 },
  infer: ({ inputs }) => {
    const x = need(inputs, 0);
    if (x.shape.length < 2) throw new ShapeError(`${shapeText(x.shape)} is no matrix`);
    return [x];
  },
  gradient: ({ inputs, attributes, gradients }) => {
    const dy = need(gradients, 0);
    return [dy.graph.emitOne(Trilu, [dy, ...inputs.slice(1)], attributes), undefined];
  },
});

/** A triangle of matrices, zeros elsewhere: the upper or the lower, from the given diagonal on. */
export function trilu(x: Value, upper: boolean, diagonal = 0): Value {
  return x.graph.emitOne(Trilu, [x, x.graph.scalar(diagonal, 'int64')], { upper: Number(upper) });
}

/** Keeps the gradient's shape honest where a sum runs over leading axes: [..., n] → [n]. */
export function sumLeading(x: Value): Value {
  return reduceSum(
    x,
    x.shape.slice(0, -1).map((_, axis) => axis),
  );
}
