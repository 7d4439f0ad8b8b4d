/** @file Sums, means and extremes over axes. */
import type { Operator, Value, ValueType } from '../graph.js';
import { type Dim, normalizeAxis, type Shape } from '../shape.js';
import { constantNumbers, forwardOnly, int64s, need, operator } from './define.js';
import { cast, div, equal, mul } from './elementwise.js';
import { expand } from './movement.js';
import { reshape, runtimeShape } from './reshape.js';

type Keep = { keepdims: number };

/** The shape with the reduced axes of size 1, and without them. */
function reducedShapes(shape: Shape, axes: readonly number[]): { kept: Shape; dropped: Shape } {
  const gone = new Set(axes.map((axis) => normalizeAxis(axis, shape.length)));
  return {
    kept: shape.map((dim, axis): Dim => (gone.has(axis) ? 1 : dim)),
    dropped: shape.filter((_, axis) => !gone.has(axis)),
  };
}

function reducedType(x: Value, axes: readonly number[], { keepdims }: Keep): ValueType {
  const { kept, dropped } = reducedShapes(x.shape, axes);
  return { dtype: x.dtype, shape: keepdims === 1 ? kept : dropped };
}

/** `spread` turns the output's gradient (axes kept) into the input's. */
function reduction(
  name: string,
  spread: (x: Value, y: Value, dy: Value, axes: number[]) => Value,
): Operator<Keep> {
  return operator<Keep>({
    name,
    attributes: { keepdims: 'int' },
    infer: ({ inputs, attributes }) => {
      return [reducedType(need(inputs, 0), constantNumbers(inputs, 1), attributes)];
    },
    gradient: ({ inputs, outputs, gradients }) => {
      const x = need(inputs, 0);
      const axes = constantNumbers(inputs, 1);
      const { kept } = reducedShapes(x.shape, axes);
      return [spread(x, reshape(need(outputs, 0), kept), reshape(need(gradients, 0), kept), axes), undefined];
    },
  });
}

/** How many elements each output stands for: a number where the sizes are known, else computed when it runs. */
function reducedCount(x: Value, axes: readonly number[]): Value | number {
  const dims = axes.map((axis) => x.shape[normalizeAxis(axis, x.shape.length)] as Dim);
  const known = dims.filter((dim) => typeof dim === 'number').reduce((product, dim) => product * dim, 1);
  if (dims.every((dim) => typeof dim === 'number')) return known;
  const sizes = runtimeShape(x.graph, dims);
  return cast(x.graph.emitOne(ReduceProd, [sizes, int64s(x.graph, [0])], { keepdims: 0 }), x.dtype);
}

export const ReduceSum = reduction('ReduceSum', (x, _y, dy) => expand(dy, x.shape));
export const ReduceMean = reduction('ReduceMean', (x, _y, dy, axes) =>
  expand(div(dy, reducedCount(x, axes)), x.shape),
);
// Ties share the gradient equally.
export const ReduceMax = reduction('ReduceMax', (x, y, dy, axes) => shareAmong(x, y, dy, axes));
export const ReduceMin = reduction('ReduceMin', (x, y, dy, axes) => shareAmong(x, y, dy, axes));
export const ReduceSumSquare = reduction('ReduceSumSquare', (x, _y, dy) => mul(mul(dy, 2), x));

/** For sizes; its gradient would divide by elements that may be zero. */
export const ReduceProd = operator<Keep>({
  name: 'ReduceProd',
  attributes: { keepdims: 'int' },
  infer: ({ inputs, attributes }) => [reducedType(need(inputs, 0), constantNumbers(inputs, 1), attributes)],
  gradient: forwardOnly('multiply with mul(), or sum logarithms'),
});

function shareAmong(x: Value, y: Value, dy: Value, axes: readonly number[]): Value {
  const hit = cast(equal(x, y), x.dtype);
  return mul(div(dy, reduceSum(hit, axes, true)), hit);
}

const call =
  (op: Operator<Keep>) =>
  (x: Value, axes: readonly number[] = x.shape.map((_, axis) => axis), keepdims = false): Value => {
    // Without axes ONNX reduces all of them, not none.
    if (axes.length === 0) return op === ReduceSumSquare ? mul(x, x) : x;
    return x.graph.emitOne(op, [x, int64s(x.graph, axes)], { keepdims: keepdims ? 1 : 0 });
  };

export const reduceSum = call(ReduceSum);
export const reduceMean = call(ReduceMean);
export const reduceMax = call(ReduceMax);
export const reduceMin = call(ReduceMin);
export const reduceSumSquare = call(ReduceSumSquare);
