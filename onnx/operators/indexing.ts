/** @file Reading and writing by index: gather, scatter, one-hot, top-k, ranges. */
import type { Graph, Operator, Value } from '../graph.js';
import { dimAt, normalizeAxis, sameShape, type Shape, ShapeError, shapeText } from '../shape.js';
import { type DataType } from '../tensor.js';
import { constantNumbers, forwardOnly, int64s, need, operator, sameType } from './define.js';
import { cast, equal } from './elementwise.js';
import { gemm } from './linalg.js';
import { expand, fill, reshape, unsqueeze } from './movement.js';

type Axis = { axis: number };

/**
 * Tables of up to so many rows get their gradient as a product with rows of zeros and ones, which threads share;
 * larger ones by adding row by row. The two take equally long around 400 rows on one thread and 700 on two.
 */
const oneHotRows = 512;

function checkIndices(indices: Value): void {
  if (indices.dtype !== 'int64' && indices.dtype !== 'int32')
    throw new ShapeError(`indices are ${indices.dtype}`);
}

function gatheredShape(x: Shape, indices: Shape, axis: number): Shape {
  return [...x.slice(0, axis), ...indices, ...x.slice(axis + 1)];
}

export const Gather = operator<Axis>({
  name: 'Gather',
  attributes: { axis: 'int' },
  infer: ({ inputs, attributes }) => {
    const [x, indices] = [need(inputs, 0), need(inputs, 1)];
    checkIndices(indices);
    return [
      {
        dtype: x.dtype,
        shape: gatheredShape(x.shape, indices.shape, normalizeAxis(attributes.axis, x.shape.length)),
      },
    ];
  },
  gradient: ({ inputs, gradients, attributes: { axis } }) => {
    const [x, indices, dy] = [need(inputs, 0), need(inputs, 1), need(gradients, 0)];
    if (axis !== 0)
      throw new ShapeError(`the gradient of a Gather along axis ${axis} is not written yet: transpose first`);
    const width = x.shape.slice(1).reduce<number>((product, dim) => product * Number(dim), 1);
    const flat = reshape(indices, [-1]);
    const rows = reshape(dy, [dimAt(flat.shape, 0), width]);
    return [reshape(addRows(rows, flat, x), x.shape), undefined];
  },
});

/** Rows added up by index: the gradient of a table, [count of x's rows, width]. */
function addRows(rows: Value, indices: Value, table: Value): Value {
  const { graph } = rows;
  const count = dimAt(table.shape, 0) as number;
  if (count <= oneHotRows) {
    const numbers = graph.constant(
      indices.dtype,
      [count, 1],
      Array.from({ length: count }, (_, row) => row),
    );
    // Not OneHot, which takes four times as long and makes the transpose of what is needed here.
    const selection = cast(equal(numbers, unsqueeze(indices, 0)), rows.dtype); // [count, number of rows]
    return gemm(selection, rows);
  }
  // ScatterND(add) would be faster and wrong: with repeated indices its threads race.
  const zeros = fill(graph, rows.dtype, [count, dimAt(rows.shape, 1)]);
  return scatterElements(zeros, expand(unsqueeze(cast(indices, 'int64'), 1), rows.shape), rows, 0, 'add');
}

/** x[indices] along an axis; the gradient exists for axis 0. */
export function gather(x: Value, indices: Value, axis = 0): Value {
  return x.graph.emitOne(Gather, [x, indices], { axis: normalizeAxis(axis, x.shape.length) });
}

/** Gather along axis 0 where the caller promises that no index repeats, which makes the gradient a plain copy. */
export const GatherUnique = operator<Axis>({
  ...Gather,
  name: 'GatherUnique',
  type: 'Gather',
  gradient: ({ inputs, gradients }) => {
    const [x, indices, dy] = [need(inputs, 0), need(inputs, 1), need(gradients, 0)];
    const zeros = fill(x.graph, x.dtype, x.shape);
    return [scatterND(zeros, unsqueeze(cast(indices, 'int64'), -1), dy), undefined];
  },
});

/** Rows of x [n, …] at different indices [m]. */
export function gatherUnique(x: Value, indices: Value): Value {
  return x.graph.emitOne(GatherUnique, [x, indices], { axis: 0 });
}

export const GatherElements = operator<Axis>({
  name: 'GatherElements',
  attributes: { axis: 'int' },
  infer: ({ inputs }) => {
    const [x, indices] = [need(inputs, 0), need(inputs, 1)];
    checkIndices(indices);
    if (x.shape.length !== indices.shape.length) throw new ShapeError('indices and elements differ in rank');
    return [{ dtype: x.dtype, shape: indices.shape }];
  },
  gradient: ({ inputs, gradients, attributes: { axis } }) => {
    const [x, indices] = [need(inputs, 0), need(inputs, 1)];
    return [
      scatterElements(fill(x.graph, x.dtype, x.shape), indices, need(gradients, 0), axis, 'add'),
      undefined,
    ];
  },
});

export function gatherElements(x: Value, indices: Value, axis: number): Value {
  return x.graph.emitOne(GatherElements, [x, indices], { axis: normalizeAxis(axis, x.shape.length) });
}

export const ScatterElements = operator<{ axis: number; reduction: string }>({
  name: 'ScatterElements',
  attributes: { axis: 'int', reduction: 'string' },
  infer: ({ inputs }) => {
    const [x, indices, updates] = [need(inputs, 0), need(inputs, 1), need(inputs, 2)];
    checkIndices(indices);
    if (!sameShape(indices.shape, updates.shape)) {
      throw new ShapeError(
        `indices ${shapeText(indices.shape)} and updates ${shapeText(updates.shape)} differ`,
      );
    }
    return [{ dtype: sameType(inputs, 0, 2), shape: x.shape }];
  },
  gradient: ({ inputs, gradients, attributes: { axis, reduction }, wanted }) => {
    const [x, indices, dy] = [need(inputs, 0), need(inputs, 1), need(gradients, 0)];
    if (reduction !== 'add') throw new ShapeError('only a ScatterElements that adds has a gradient');
    return [
      wanted[0] ? dy : undefined,
      undefined,
      wanted[2] ? gatherElements(dy, indices, axis) : undefined,
    ].map((g) => (g === undefined || g.dtype === x.dtype ? g : cast(g, x.dtype)));
  },
});

export function scatterElements(
  x: Value,
  indices: Value,
  updates: Value,
  axis: number,
  reduction: 'none' | 'add',
): Value {
  return x.graph.emitOne(ScatterElements, [x, indices, updates], { axis, reduction });
}

/** Writes whole slices at indices [n, k] that must not repeat: with repeats the last thread would win. */
export const ScatterND = operator({
  name: 'ScatterND',
  infer: ({ inputs }) => [{ dtype: sameType(inputs, 0, 2), shape: need(inputs, 0).shape }],
  gradient: forwardOnly('read with gatherUnique(), whose gradient this is'),
});

export function scatterND(x: Value, indices: Value, updates: Value): Value {
  return x.graph.emitOne(ScatterND, [x, indices, updates], {});
}

export const OneHot = operator<Axis>({
  name: 'OneHot',
  attributes: { axis: 'int' },
  infer: ({ inputs }) => {
    const [indices, values] = [need(inputs, 0), need(inputs, 2)];
    checkIndices(indices);
    return [{ dtype: values.dtype, shape: [...indices.shape, constantNumbers(inputs, 1)[0] as number] }];
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
  infer: ({ inputs, attributes }) => {
    const x = need(inputs, 0);
    const axis = normalizeAxis(attributes.axis, x.shape.length);
    const k = constantNumbers(inputs, 1)[0] as number;
    const shape = x.shape.map((dim, i) => (i === axis ? k : dim));
    return [
      { dtype: x.dtype, shape },
      { dtype: 'int64', shape },
    ];
  },
  gradient: forwardOnly('take the indices, and gatherElements() at them; or put detach() around its input'),
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

const argument = (name: string): Operator<Axis & { keepdims: number }> =>
  operator<Axis & { keepdims: number }>({
    name,
    attributes: { axis: 'int', keepdims: 'int' },
    infer: ({ inputs, attributes }) => {
      const x = need(inputs, 0);
      const axis = normalizeAxis(attributes.axis, x.shape.length);
      return [{ dtype: 'int64', shape: x.shape.filter((_, i) => i !== axis) }];
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

export const Range = operator<{ dims: Shape }>({
  name: 'Range',
  infer: ({ inputs, attributes }) => [{ dtype: sameType(inputs, 0, 1, 2), shape: attributes.dims }],
  gradient: forwardOnly(
    'its elements are given by its bounds: multiply a constant range by the step instead',
  ),
});

/** 0, 1, … as many as `size`, which is an int64 scalar whose value the dimension `dim` names. */
export function range(graph: Graph, size: Value, dim: Shape[number]): Value {
  return graph.emitOne(Range, [graph.scalar(0, 'int64'), size, graph.scalar(1, 'int64')], { dims: [dim] });
}
