/** @file The same elements under another shape: reshape, squeeze, unsqueeze, flatten; and shapes as values. */
import type { Attributes, Graph, GradientCall, Value, ValueType } from '../graph.js';
import {
  type Dim,
  elementCount,
  normalizeAxis,
  product,
  sameShape,
  type Shape,
  ShapeError,
  shapeText,
} from '../shape.js';
import { constantNumbers, forwardOnly, int64s, need, operator, optionalNumbers } from './define.js';
import { mul } from './elementwise.js';
import { concat } from './movement.js';

/** The sizes of a value's axes from `start` up to `end`, when the graph runs. */
export const ShapeOf = operator<{ start: number; end?: number }>({
  name: 'Shape',
  attributes: { start: 'int', end: 'int' },
  defaults: { start: 0 },
  infer: ({ inputs, attributes: { start, end } }) => {
    const rank = need(inputs, 0).shape.length;
    const at = (axis: number) => Math.min(rank, Math.max(0, axis < 0 ? axis + rank : axis));
    return [{ dtype: 'int64', shape: [Math.max(0, at(end ?? rank) - at(start))] }];
  },
  gradient: forwardOnly('sizes do not depend on elements'),
});

export const Size = operator({
  name: 'Size',
  infer: () => [{ dtype: 'int64', shape: [] }],
  gradient: forwardOnly('a number of elements does not depend on the elements'),
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

/** What every operator here does going back. */
const back = ({
  inputs,
  gradients,
}: Pick<GradientCall<Attributes>, 'inputs' | 'gradients'>): (Value | undefined)[] => [
  reshape(need(gradients, 0), need(inputs, 0).shape),
  undefined,
];

const reshaped = (x: Value, shape: Shape): ValueType[] => [{ dtype: x.dtype, shape }];

export const Identity = operator({
  name: 'Identity',
  infer: ({ inputs }) => [need(inputs, 0)],
  gradient: ({ gradients }) => [need(gradients, 0)],
});

export function identity(x: Value): Value {
  return x.graph.emitOne(Identity, [x], {});
}

/** `dims` is the shape where it is known; without it, the constant second input says, 0 and −1 as in ONNX. */
export const Reshape = operator<{ dims?: Shape; allowzero?: number }>({
  name: 'Reshape',
  attributes: { allowzero: 'int' },
  infer: ({ inputs, attributes }) => {
    const x = need(inputs, 0);
    const dims =
      attributes.dims ?? reshapeTo(x.shape, constantNumbers(inputs, 1), attributes.allowzero === 1);
    if (product(...x.shape) !== product(...dims)) {
      throw new ShapeError(`${shapeText(x.shape)} does not hold the elements of ${shapeText(dims)}`);
    }
    return reshaped(x, dims);
  },
  gradient: back,
});

/** ONNX's target of a Reshape as a shape: 0 keeps a dimension (unless `zeros` are meant), −1 is what is left. */
export function reshapeTo(from: Shape, target: readonly number[], zeros = false): Shape {
  const shape = target.map((size, axis): Dim => {
    if (size < -1) throw new ShapeError(`${shapeText(target)} is no shape`);
    return size === 0 && !zeros ? (from[normalizeAxis(axis, from.length)] as Dim) : size;
  });
  if (shape.filter((dim) => dim === -1).length > 1) {
    throw new ShapeError(`${shapeText(target)} leaves more than one dimension open`);
  }
  return shape.includes(-1) ? fillIn(from, shape) : shape;
}

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

/** Without axes, all of size 1 go. */
export const Squeeze = operator({
  name: 'Squeeze',
  infer: ({ inputs }) => {
    const x = need(inputs, 0);
    const given = optionalNumbers(inputs, 1)?.map((axis) => normalizeAxis(axis, x.shape.length));
    const axes = given ?? x.shape.flatMap((dim, axis) => (dim === 1 ? [axis] : []));
    const wide = axes.find((axis) => x.shape[axis] !== 1);
    if (wide !== undefined) throw new ShapeError(`axis ${wide} of ${shapeText(x.shape)} is not of size 1`);
    return reshaped(
      x,
      x.shape.filter((_, axis) => !axes.includes(axis)),
    );
  },
  gradient: back,
});

export const Unsqueeze = operator({
  name: 'Unsqueeze',
  infer: ({ inputs }) => {
    const x = need(inputs, 0);
    const given = constantNumbers(inputs, 1);
    const rank = x.shape.length + given.length;
    const axes = new Set(given.map((axis) => normalizeAxis(axis, rank)));
    if (axes.size < given.length) throw new ShapeError(`${shapeText(given)} names an axis twice`);
    const rest = [...x.shape];
    return reshaped(
      x,
      Array.from({ length: rank }, (_, axis) => (axes.has(axis) ? 1 : (rest.shift() as Dim))),
    );
  },
  gradient: back,
});

/** Two axes: what stands before `axis`, and the rest. */
export const Flatten = operator<{ axis: number }>({
  name: 'Flatten',
  attributes: { axis: 'int' },
  defaults: { axis: 1 },
  infer: ({ inputs, attributes }) => {
    const x = need(inputs, 0);
    // The axis may be the rank itself: then the second dimension is 1.
    const axis =
      attributes.axis === x.shape.length ? attributes.axis : normalizeAxis(attributes.axis, x.shape.length);
    return reshaped(x, [product(...x.shape.slice(0, axis)), product(...x.shape.slice(axis))]);
  },
  gradient: back,
});

/** A new axis of size 1. */
export function unsqueeze(x: Value, axis: number): Value {
  const at = axis < 0 ? axis + x.shape.length + 1 : axis;
  return reshape(x, [...x.shape.slice(0, at), 1, ...x.shape.slice(at)]);
}

/** Without some axes, which have to be of size 1. */
export function squeeze(x: Value, axes: readonly number[]): Value {
  const gone = new Set(axes.map((axis) => normalizeAxis(axis, x.shape.length)));
  for (const axis of gone) {
    if (x.shape[axis] !== 1)
      throw new ShapeError(`axis ${axis} of ${x.name}: ${x.typeText} is not of size 1`);
  }
  return reshape(
    x,
    x.shape.filter((_, axis) => !gone.has(axis)),
  );
}
