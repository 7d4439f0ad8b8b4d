/** @file Sums, means, extremes and norms over axes; running sums along one. */
import type { Operator, Value, ValueType } from '../graph.js';
import { type Dim, normalizeAxis, type Shape, ShapeError } from '../shape.js';
import { constantNumbers, int64s, need, operator, optionalNumbers } from './define.js';
import { cast, div, exp, mul, sign, sub } from './elementwise.js';
import { and, equal, or, where } from './logic.js';
import { expand } from './movement.js';
import { reshape, runtimeShape } from './reshape.js';

type ReductionAttributes = { keepdims: number; noop_with_empty_axes?: number };

/** The shape with the reduced axes of size 1, and without them. */
function reducedShapes(shape: Shape, axes: readonly number[]): { kept: Shape; dropped: Shape } {
  const gone = new Set(axes.map((axis) => normalizeAxis(axis, shape.length)));
  return {
    kept: shape.map((dim, axis): Dim => (gone.has(axis) ? 1 : dim)),
    dropped: shape.filter((_, axis) => !gone.has(axis)),
  };
}

/** The axes that a node reduces: those of its constant second input; where there are none, all or none. */
function reducedAxes(
  inputs: readonly (Value | undefined)[],
  { noop_with_empty_axes: noop }: ReductionAttributes,
): number[] {
  const axes = optionalNumbers(inputs, 1) ?? [];
  if (axes.length > 0) return axes;
  return noop === 1 ? [] : [...need(inputs, 0).shape.keys()];
}

/** What stands at the outputs' places with the reduced axes kept, so that it broadcasts against the input. */
interface Reduced {
  readonly x: Value;
  readonly y: Value;
  readonly dy: Value;
  readonly axes: readonly number[];
}

/**
 * `spread` turns the output's gradient into the input's. `isCopy`: over no axes at all, it is the input itself (what
 * the others are then, ONNX's text and its implementations do not agree on).
 */
function reduction(
  name: string,
  spread: (reduced: Reduced) => Value,
  { isCopy = false } = {},
): Operator<ReductionAttributes> {
  return operator<ReductionAttributes>({
    name,
    attributes: { keepdims: 'int', noop_with_empty_axes: 'int' },
    defaults: { keepdims: 1 },
    infer: ({ inputs, attributes }): ValueType[] => {
      const x = need(inputs, 0);
      const axes = reducedAxes(inputs, attributes);
      if (axes.length === 0 && x.shape.length > 0 && !isCopy) {
        throw new ShapeError('a reduction over no axes is not defined here: leave it out');
      }
      const { kept, dropped } = reducedShapes(x.shape, axes);
      return [{ dtype: x.dtype, shape: attributes.keepdims === 1 ? kept : dropped }];
    },
    gradient: ({ inputs, outputs, gradients, attributes }) => {
      const x = need(inputs, 0);
      const axes = reducedAxes(inputs, attributes);
      const { kept } = reducedShapes(x.shape, axes);
      const [y, dy] = [reshape(need(outputs, 0), kept), reshape(need(gradients, 0), kept)];
      return [spread({ x, y, dy, axes }), undefined];
    },
  });
}

/** How many elements each output stands for: a number where the sizes are known, else computed when it runs. */
function reducedCount({ x, axes }: Reduced): Value | number {
  const dims = axes.map((axis) => x.shape[normalizeAxis(axis, x.shape.length)] as Dim);
  const known = dims.filter((dim) => typeof dim === 'number').reduce((product, dim) => product * dim, 1);
  if (dims.every((dim) => typeof dim === 'number')) return known;
  const sizes = runtimeShape(x.graph, dims);
  return cast(x.graph.emitOne(ReduceProd, [sizes, int64s(x.graph, [0])], { keepdims: 0 }), x.dtype);
}

const copies = { isCopy: true };

export const ReduceSum = reduction('ReduceSum', ({ x, dy }) => expand(dy, x.shape), copies);
export const ReduceMean = reduction(
  'ReduceMean',
  (reduced) => expand(div(reduced.dy, reducedCount(reduced)), reduced.x.shape),
  copies,
);
// Ties share the gradient equally.
export const ReduceMax = reduction('ReduceMax', shareAmong, copies);
export const ReduceMin = reduction('ReduceMin', shareAmong, copies);
export const ReduceProd: Operator<ReductionAttributes> = reduction('ReduceProd', ofOtherFactors, copies);

export const ReduceSumSquare = reduction('ReduceSumSquare', ({ x, dy }) => mul(mul(dy, 2), x));
export const ReduceL1 = reduction('ReduceL1', ({ x, dy }) => mul(dy, sign(x)));
// At zero the norm has a kink; 0 is taken, as PyTorch does.
export const ReduceL2 = reduction('ReduceL2', ({ x, y, dy }) => mul(where(equal(y, 0), 0, div(dy, y)), x));
export const ReduceLogSum = reduction('ReduceLogSum', ({ x, y, dy }) => expand(div(dy, exp(y)), x.shape));
export const ReduceLogSumExp = reduction('ReduceLogSumExp', ({ x, y, dy }) => mul(dy, exp(sub(x, y))));

function shareAmong({ x, y, dy, axes }: Reduced): Value {
  const hit = cast(equal(x, y), x.dtype);
  return mul(div(dy, reduceSum(hit, axes, true)), hit);
}

/** The product of all other factors; division does not do where one of them is zero. */
function ofOtherFactors({ x, dy, axes }: Reduced): Value {
  const isZero = equal(x, 0);
  const safe = where(isZero, 1, x);
  const zeros = reduceSum(cast(isZero, x.dtype), axes, true);
  const ofOthers = div(reduceProd(safe, axes, true), safe);
  // Without zeros, all others count; with one, it alone has a gradient; with more, nothing has.
  const counts = or(equal(zeros, 0), and(equal(zeros, 1), isZero));
  return mul(dy, where(counts, ofOthers, 0));
}

const call =
  (op: Operator<ReductionAttributes>) =>
  (x: Value, axes: readonly number[] = x.shape.map((_, axis) => axis), keepdims = false): Value => {
    // Without axes ONNX reduces all of them, not none.
    if (axes.length === 0) return overNothing(op, x);
    return x.graph.emitOne(op, [x, int64s(x.graph, axes)], { keepdims: keepdims ? 1 : 0 });
  };

/** A reduction of single elements. */
function overNothing(op: Operator<ReductionAttributes>, x: Value): Value {
  if (op === ReduceSumSquare) return mul(x, x);
  if (op === ReduceL1 || op === ReduceL2 || op === ReduceLogSum)
    throw new ShapeError(`${op.name} over no axes`);
  return x;
}

export const reduceSum = call(ReduceSum);
export const reduceMean = call(ReduceMean);
export const reduceMax = call(ReduceMax);
export const reduceMin = call(ReduceMin);
export const reduceProd = call(ReduceProd);
export const reduceSumSquare = call(ReduceSumSquare);
export const reduceL1 = call(ReduceL1);
export const reduceL2 = call(ReduceL2);
export const reduceLogSum = call(ReduceLogSum);
export const reduceLogSumExp = call(ReduceLogSumExp);

type CumSumAttributes = { exclusive: number; reverse: number };

/** Inputs: x, and the axis as a constant. */
export const CumSum: Operator<CumSumAttributes> = operator<CumSumAttributes>({
  name: 'CumSum',
  attributes: { exclusive: 'int', reverse: 'int' },
  defaults: { exclusive: 0, reverse: 0 },
  infer: ({ inputs }) => {
    const x = need(inputs, 0);
    normalizeAxis(constantNumbers(inputs, 1)[0] as number, x.shape.length);
    return [x];
  },
  // Each element is in the sums from its own on: those are added up from the other end.
  gradient: ({ inputs, gradients, attributes: { exclusive, reverse } }) => {
    const dy = need(gradients, 0);
    return [dy.graph.emitOne(CumSum, [dy, inputs[1]], { exclusive, reverse: 1 - reverse }), undefined];
  },
});

/** Sums of the elements so far along an axis; `exclusive`: without the element itself; `reverse`: from the end. */
export function cumSum(x: Value, axis: number, { exclusive = false, reverse = false } = {}): Value {
  const at = x.graph.scalar(normalizeAxis(axis, x.shape.length), 'int64');
  return x.graph.emitOne(CumSum, [x, at], { exclusive: Number(exclusive), reverse: Number(reverse) });
}
