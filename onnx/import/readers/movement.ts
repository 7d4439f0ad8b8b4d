/** @file What moves elements and computes nothing, in every version of the operators. */
import type { Operator, Value } from '../../graph.js';
import {
  apply,
  cast,
  concat,
  expand,
  gather,
  gatherElements,
  operators,
  reshape,
  reverse,
  slice,
  split,
  transpose,
} from '../../operators/index.js';
import { broadcast, normalizeAxis, ShapeError } from '../../shape.js';
import { producerOf } from '../producer.js';
import type { NodeCall, Readers } from '../reader.js';
import { input, isEmpty, numbersFrom, numbersOf, sizesOf } from './inputs.js';

function readReshape(call: NodeCall): Value[] {
  const x = input(call, 0);
  const target = numbersFrom(call, 1, 'shape');
  if (target === undefined) throw new ShapeError('no shape is given');
  const from = sizesOf(x);
  const keepsZeros = call.attributes.int('allowzero', 0) === 1;
  const shape = target.map((size, axis) => (size === 0 && !keepsZeros ? (from[axis] as number) : size));
  return [reshape(x, shape)];
}

function readSqueeze(call: NodeCall): Value[] {
  const x = input(call, 0);
  const axes = numbersFrom(call, 1, 'axes')?.map((axis) => normalizeAxis(axis, x.shape.length));
  return [
    reshape(
      x,
      x.shape.filter((size, axis) => (axes === undefined ? size !== 1 : !axes.includes(axis))),
    ),
  ];
}

function readUnsqueeze(call: NodeCall): Value[] {
  const x = input(call, 0);
  const axes = numbersFrom(call, 1, 'axes') ?? [];
  const rank = x.shape.length + axes.length;
  const added = new Set(axes.map((axis) => normalizeAxis(axis, rank)));
  const rest = [...x.shape];
  return [
    reshape(
      x,
      Array.from({ length: rank }, (_, axis) => (added.has(axis) ? 1 : (rest.shift() ?? 1))),
    ),
  ];
}

function readFlatten(call: NodeCall): Value[] {
  const x = input(call, 0);
  const given = call.attributes.int('axis', 1);
  const axis = given < 0 ? given + x.shape.length : given;
  const size = (dims: readonly number[]) => dims.reduce((product, dim) => product * dim, 1);
  return [reshape(x, [size(sizesOf(x).slice(0, axis)), size(sizesOf(x).slice(axis))])];
}

/** Python's slices: ends are cut off at the size, negative ones count from the back, steps may be negative. */
function readSlice(call: NodeCall): Value[] {
  const starts = numbersFrom(call, 1, 'starts');
  const ends = numbersFrom(call, 2, 'ends');
  if (starts === undefined || ends === undefined) throw new ShapeError('starts or ends are missing');
  let x = input(call, 0);
  const axes = numbersFrom(call, 3, 'axes') ?? starts.map((_, i) => i);
  const steps = numbersFrom(call, 4, 'steps') ?? starts.map(() => 1);
  for (const [i, axis] of axes.entries()) {
    const [start, end, step] = [starts[i], ends[i], steps[i]] as [number, number, number];
    x = sliceAxis(x, normalizeAxis(axis, x.shape.length), start, end, step);
  }
  return [x];
}

function sliceAxis(x: Value, axis: number, start: number, end: number, step: number): Value {
  const size = sizesOf(x)[axis] as number;
  const at = (position: number, low: number, high: number) =>
    Math.min(Math.max(position < 0 ? position + size : position, low), high);
  if (step === 1) {
    const from = at(start, 0, size);
    return slice(x, axis, from, Math.max(from, at(end, 0, size)));
  }
  if (step === -1 && at(start, -1, size - 1) === size - 1 && end < -size) return reverse(x, axis);
  const positions: number[] = [];
  if (step > 0) for (let i = at(start, 0, size); i < at(end, 0, size); i += step) positions.push(i);
  else for (let i = at(start, -1, size - 1); i > at(end, -1, size - 1); i += step) positions.push(i);
  return gather(x, x.graph.constant('int64', [positions.length], positions), axis);
}

function readSplit(call: NodeCall): Value[] {
  const x = input(call, 0);
  const axis = normalizeAxis(call.attributes.int('axis', 0), x.shape.length);
  return split(x, axis, numbersFrom(call, 1, 'split') ?? equalParts(call, sizesOf(x)[axis] as number));
}

/** As many parts as there are outputs, the last one smaller where they do not come out even. */
function equalParts({ attributes, wanted }: NodeCall, size: number): number[] {
  const count = attributes.int('num_outputs', wanted.length);
  const part = Math.ceil(size / count);
  return Array.from({ length: count }, (_, i) => Math.min(part, size - i * part));
}

/** Two transposes in a row are one, or none. */
function turned(x: Value, perm: readonly number[]): Value {
  const before = producerOf(x);
  const isTransposed = before?.operator.name === 'Transpose';
  const source = isTransposed ? (before.inputs[0] as Value) : x;
  const first = isTransposed
    ? (before.attributes['perm'] as readonly number[])
    : x.shape.map((_, axis) => axis);
  const both = perm.map((axis) => first[axis] as number);
  return both.every((axis, i) => axis === i) ? source : transpose(source, both);
}

export const movement: Readers = {
  Reshape: readReshape,
  Squeeze: readSqueeze,
  Unsqueeze: readUnsqueeze,
  Flatten: readFlatten,
  Slice: readSlice,
  Split: readSplit,
  Transpose: (call) => {
    const x = input(call, 0);
    const perm = call.attributes.ints('perm') ?? x.shape.map((_, axis) => x.shape.length - 1 - axis);
    return [turned(x, perm)];
  },
  Expand: (call) => {
    const x = input(call, 0);
    return [expand(x, broadcast(x.shape, numbersOf(input(call, 1))))];
  },
  Concat: (call) => {
    const given = call.inputs.map((_, i) => input(call, i));
    const axis = normalizeAxis(call.attributes.int('axis'), (given[0] as Value).shape.length);
    // Past keys and values have length 0.
    const parts = given.filter((part) => !isEmpty(part));
    return [parts.length === 0 ? given[0] : concat(parts, axis)];
  },
  Gather: (call) => {
    const [x, indices] = [input(call, 0), input(call, 1)];
    const axis = normalizeAxis(call.attributes.int('axis', 0), x.shape.length);
    const [index, size] = [indices.data?.[0], x.shape[axis]];
    if (index !== undefined && indices.shape.length === 0 && typeof size === 'number') {
      // One element of an axis: a slice, whose gradient is cheaper.
      const at = Number(index) < 0 ? Number(index) + size : Number(index);
      return [
        reshape(
          slice(x, axis, at, at + 1),
          x.shape.filter((_, i) => i !== axis),
        ),
      ];
    }
    if (indices.data !== undefined) return [gather(x, indices, axis)];
    // What is computed may be negative, which the entry's gradient knows to handle.
    return apply(call.graph, operators.get('Gather') as Operator, [x, indices], { axis });
  },
  GatherElements: (call) => {
    const [x, indices] = [input(call, 0), input(call, 1)];
    return [gatherElements(x, cast(indices, 'int64'), call.attributes.int('axis', 0))];
  },
};
