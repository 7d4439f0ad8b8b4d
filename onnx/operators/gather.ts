/** @file Reading by index: gather along an axis, element by element, slice by slice. */
import type { Value } from '../graph.js';
import { type Dim, dimAt, normalizeAxis, sameShape, ShapeError, shapeText, staticShape } from '../shape.js';
import { NoGradient, int64s, need, operator } from './define.js';
import { add, cast, mul } from './elementwise.js';
import { equal, less, where } from './logic.js';
import { gemm } from './linalg.js';
import { expand, fill, transpose } from './movement.js';
import { reduceSum } from './reduction.js';
import { reshape, unsqueeze } from './reshape.js';
import { scatterElements, scatterND } from './scatter.js';
import { sizeOf } from '../tensor.js';

type Axis = { axis: number };

/**
 * Tables of up to so many rows get their gradient as a product with rows of zeros and ones, which threads share;
 * larger ones by adding row by row. The two take equally long around 400 rows on one thread and 700 on two.
 */
const oneHotRows = 512;

export function checkIndices(indices: Value): void {
  if (indices.dtype !== 'int64' && indices.dtype !== 'int32')
    throw new ShapeError(`indices are ${indices.dtype}`);
}

/** Indices that are known have to exist; those that are not are checked by ONNX Runtime. */
function checkRange(indices: Value, size: Dim, axis: number): void {
  if (indices.data === undefined || typeof size === 'string') return;
  const wrong = Array.from(indices.data, Number).find((index) => index < -size || index >= size);
  if (wrong !== undefined)
    throw new ShapeError(`index ${wrong} does not exist in axis ${axis} of size ${size}`);
}

/** Indices counted from the front: negative ones count from the back. */
function fromFront(indices: Value, size: number): Value {
  const { graph, dtype, data } = indices;
  if (data === undefined) return where(less(indices, 0), add(indices, size), indices);
  const numbers = Array.from(data, Number);
  if (numbers.every((index) => index >= 0)) return indices;
  const shape = indices.shape as readonly number[];
  return graph.constant(
    dtype,
    shape,
    numbers.map((index) => (index < 0 ? index + size : index)),
  );
}

/** `nonNegative` (1): whoever builds the graph promises that no index counts from the back. */
type GatherAttributes = Axis & { nonNegative?: number };

export const Gather = operator<GatherAttributes>({
  name: 'Gather',
  attributes: { axis: 'int' },
  defaults: { axis: 0 },
  infer: ({ inputs, attributes }) => {
    const [x, indices] = [need(inputs, 0), need(inputs, 1)];
    checkIndices(indices);
    const axis = normalizeAxis(attributes.axis, x.shape.length);
    checkRange(indices, dimAt(x.shape, axis), axis);
    return [
      { dtype: x.dtype, shape: [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)] },
    ];
  },
  gradient: ({ inputs, gradients, attributes }) => {
    const [x, indices, dy] = [need(inputs, 0), need(inputs, 1), need(gradients, 0)];
    const axis = normalizeAxis(attributes.axis, x.shape.length);
    const size = dimAt(x.shape, axis);
    if (typeof size === 'string') throw new NoGradient(`give axis ${axis} of ${x.name} a fixed size`);
    const isPromised = attributes.nonNegative === 1 && indices.data === undefined;
    const front = isPromised ? indices : fromFront(indices, size);
    const sums = addAlong(dy, front, axis, size);
    return [reshape(sums, x.shape), undefined];
  },
});

/**
 * Adds up along an axis: element i of axis `axis` of the result is the sum of what `part` holds where `indices` (from
 * the front, of any rank) are i. The gradient of {@link Gather}, with as many elements along the axis as `size`.
 */
export function addAlong(part: Value, indices: Value, axis: number, size: number): Value {
  const [before, after] = [part.shape.slice(0, axis), part.shape.slice(axis + indices.shape.length)];
  const flat = reshape(indices, [-1]);
  const count = dimAt(flat.shape, 0);
  const others = staticShape([...before, ...after], 'adding up by index');
  const width = others.reduce((product, dim) => product * dim, 1);
  if (axis === 0 || before.every((dim) => dim === 1)) {
    const sums = addRows(reshape(part, [count, width]), flat, size);
    return reshape(sums, [...before, size, ...after]);
  }
  // The axis comes first for the sums, and goes back to its place.
  const turned = transpose(reshape(part, [...before, count, ...after]), [
    axis,
    ...before.keys(),
    ...after.map((_, i) => axis + 1 + i),
  ]);
  const sums = reshape(addRows(reshape(turned, [count, width]), flat, size), [size, ...before, ...after]);
  return transpose(sums, [...before.map((_, i) => i + 1), 0, ...after.map((_, i) => axis + 1 + i)]);
}

/** Rows added up by index: [n, width] and [n] → [count, width]. */
function addRows(rows: Value, indices: Value, count: number): Value {
  const { graph } = rows;
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

/** x[indices] along an axis. Indices that are computed have to count from 0: negative ones get a wrong gradient. */
export function gather(x: Value, indices: Value, axis = 0): Value {
  const attributes = { axis: normalizeAxis(axis, x.shape.length), nonNegative: 1 };
  return x.graph.emitOne(Gather, [x, indices], attributes);
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
  defaults: { axis: 0 },
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

/** How far indices [..., k] reach into a tensor's axes from `batchDims` on, and what a slice at one holds. */
function slicesOf(
  x: Value,
  indices: Value,
  batchDims: number,
): { reach: number[]; width: number; slice: number[] } {
  const k = dimAt(indices.shape, -1);
  if (typeof k === 'string' || batchDims + k > x.shape.length) {
    throw new ShapeError(
      `indices ${shapeText(indices.shape)} reach beyond the axes of ${shapeText(x.shape)}`,
    );
  }
  const shape = staticShape(x.shape, 'reading slices by index');
  const slice = shape.slice(batchDims + k);
  return { reach: shape.slice(batchDims, batchDims + k), width: sizeOf(slice), slice };
}

/** Inputs: x and indices [batch…, …, k]; each index names a slice of x at `batch_dims` and the k axes that follow. */
export const GatherND = operator<{ batch_dims: number }>({
  name: 'GatherND',
  attributes: { batch_dims: 'int' },
  defaults: { batch_dims: 0 },
  infer: ({ inputs, attributes: { batch_dims: batchDims } }) => {
    const [x, indices] = [need(inputs, 0), need(inputs, 1)];
    if (indices.dtype !== 'int64') throw new ShapeError(`indices are ${indices.dtype}, not int64`);
    if (!sameShape(x.shape.slice(0, batchDims), indices.shape.slice(0, batchDims))) {
      throw new ShapeError(
        `the first ${batchDims} axes of ${shapeText(x.shape)} and ${shapeText(indices.shape)} differ`,
      );
    }
    const { slice } = slicesOf(x, indices, batchDims);
    return [{ dtype: x.dtype, shape: [...indices.shape.slice(0, -1), ...slice] }];
  },
  gradient: ({ inputs, gradients, attributes: { batch_dims: batchDims } }) => {
    const [x, indices, dy] = [need(inputs, 0), need(inputs, 1), need(gradients, 0)];
    const { rows, count, width } = rowNumbers(x, indices, batchDims);
    // Not ScatterND(add): with repeated indices its threads race.
    return [reshape(addRows(reshape(dy, [dimAt(rows.shape, 0), width]), rows, count), x.shape), undefined];
  },
});

/** x seen as `count` rows of `width` elements, and which of them each index [..., k] names: int64 [n], from the front. */
export function rowNumbers(
  x: Value,
  indices: Value,
  batchDims = 0,
): { rows: Value; count: number; width: number } {
  const { graph } = x;
  const { reach, width } = slicesOf(x, indices, batchDims);
  const shape = staticShape(indices.shape, 'reading slices by index');
  const batch = shape.slice(0, batchDims);
  const [k, perBatch] = [reach.length, sizeOf(reach)];
  const strides = int64s(
    graph,
    reach.map((_, axis) => sizeOf(reach.slice(axis + 1))),
  );
  const front = where(less(indices, 0), add(indices, int64s(graph, reach)), indices);
  const inner = reduceSum(mul(front, strides), [-1]);
  const each = sizeOf(shape.slice(batchDims, -1));
  const offsets = graph.constant(
    'int64',
    [sizeOf(batch), 1],
    Array.from({ length: sizeOf(batch) }, (_, i) => i * perBatch),
  );
  const count = sizeOf(batch) * perBatch;
  if (k === 0) throw new ShapeError('indices without an axis name no slice');
  return { rows: reshape(add(reshape(inner, [sizeOf(batch), each]), offsets), [-1]), count, width };
}

/** x[index] for each index [..., k], whole slices where k is less than the rank. */
export function gatherND(x: Value, indices: Value, batchDims = 0): Value {
  return x.graph.emitOne(GatherND, [x, indices], { batch_dims: batchDims });
}
