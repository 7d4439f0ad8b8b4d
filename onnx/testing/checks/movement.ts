/** @file Checks of gradients: what moves elements, and reductions. */
import fc from 'fast-check';
import type { Value } from '../../graph.js';
import * as o from '../../operators/index.js';
import {
  anywhere,
  type Check,
  type Checks,
  dim,
  fixed,
  oneOf,
  shapeAndAxes,
  shapeAndAxis,
  shapes,
} from './define.js';

const vector = (x: Value, values: readonly number[]) => x.graph.constant('int64', [values.length], values);
const emitted = (x: Value, entry: o.Entry, inputs: Value[], attributes = {}) =>
  o.apply(x.graph, entry, [x, ...inputs], attributes)[0] as Value;
const count = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

/** A permutation of a shape's axes. */
const permuted = shapes(1).chain((shape) =>
  fc.shuffledSubarray([...shape.keys()], { minLength: shape.length }).map((perm) => ({ shape, perm })),
);

/** Starts, ends and steps of some axes, beyond the ends too, where at least one element is left. */
const sliced = shapeAndAxes().chain(({ shape, axes }) => {
  const bounds = axes.map((axis) => {
    const size = shape.at(axis) as number;
    return fc
      .tuple(
        fc.integer({ min: -size - 1, max: size + 1 }),
        fc.integer({ min: -size - 2, max: size + 2 }),
        fc.constantFrom(1, 1, 2, -1, -2),
      )
      .filter(([start, end, step]) => sliceOf([...Array(size).keys()], start, end, step).length > 0);
  });
  return fc.tuple(...bounds).map((list) => ({ shape, axes, list }));
});

/** Python's `all[start:end:step]`. */
function sliceOf(all: readonly number[], start: number, end: number, step: number): number[] {
  const size = all.length;
  const clamp = (at: number, low: number, high: number) =>
    Math.min(high, Math.max(low, at < 0 ? at + size : at));
  const taken: number[] = [];
  if (step > 0) for (let i = clamp(start, 0, size); i < clamp(end, 0, size); i += step) taken.push(i);
  else for (let i = clamp(start, -1, size - 1); i > clamp(end, -1, size - 1); i += step) taken.push(i);
  return taken;
}

const padded = fc.constantFrom('constant', 'reflect', 'edge', 'wrap').chain((mode) =>
  fc.array(fc.integer({ min: 2, max: 3 }), { minLength: 1, maxLength: 2 }).chain((shape) => {
    const least = mode === 'constant' ? -1 : 0;
    const one = fc.integer({ min: least, max: mode === 'constant' ? 2 : 1 });
    return fc
      .tuple(fc.array(one, { minLength: 2 * shape.length, maxLength: 2 * shape.length }), fc.boolean())
      .map(([pads, hasValue]) => ({ mode, shape, pads, hasValue: hasValue && mode === 'constant' }));
  }),
);

const reduction = (
  build: (x: Value, axes: readonly number[] | undefined, keepdims: boolean) => Value,
  spec: { between?: readonly [number, number]; apart?: boolean; kinks?: readonly number[] } = {},
  reference?: (x: Value, axes: readonly number[] | undefined, keepdims: boolean) => Value,
): Check =>
  fc.tuple(shapeAndAxes(), fc.boolean(), fc.boolean()).map(([{ shape, axes }, keepdims, all]) => {
    const given = all ? undefined : axes;
    return {
      text: `axes ${given?.join() ?? 'all'}, keepdims ${keepdims}`,
      build: (x) => build(x, given, keepdims),
      reference: reference === undefined ? undefined : (x) => reference(x, given, keepdims),
      specs: [{ shape, ...spec }],
    };
  });

export const movement: Checks = {
  Reshape: permuted.map(({ shape, perm }) => ({
    text: '',
    build: (x) => emitted(x, o.Reshape, [vector(x, [-1, ...perm.map((axis) => shape[axis] as number)])]),
    specs: [{ shape }],
  })),
  Squeeze: oneOf(
    fixed((x) => emitted(x, o.Squeeze, []), [anywhere(1, 3, 1)]),
    fixed((x) => emitted(x, o.Squeeze, [vector(x, [-1])]), [anywhere(1, 3, 1)]),
  ),
  Unsqueeze: fixed((x) => emitted(x, o.Unsqueeze, [vector(x, [-1, 0])]), [anywhere(2, 3)]),
  Flatten: fc.tuple(shapes(1), fc.nat()).map(([shape, n]) => ({
    text: '',
    build: (x) => emitted(x, o.Flatten, [], { axis: (n % (2 * shape.length + 1)) - shape.length }),
    specs: [{ shape }],
  })),
  Transpose: oneOf(
    permuted.map(({ shape, perm }) => ({
      text: `perm ${perm.join()}`,
      build: (x) => o.transpose(x, perm),
      specs: [{ shape }],
    })),
    fixed((x) => emitted(x, o.Transpose, []), [anywhere(1, 2, 3)]),
  ),
  Expand: fc
    .tuple(shapes(1), fc.infiniteStream(fc.boolean()), fc.nat({ max: 2 }))
    .map(([dims, coins, cut]) => {
      const from = dims.map((size) => (coins.next().value === true ? size : 1)).slice(cut);
      // Either way: ONNX's Expand broadcasts the shape that it is given, too.
      const target = dims.map((size) => (size === 1 || coins.next().value === true ? size : size));
      return {
        text: `to ${target.join()}`,
        build: (x) => emitted(x, o.Expand, [vector(x, target)]),
        specs: [{ shape: from }],
      };
    }),
  Tile: fc.tuple(shapes(1), fc.infiniteStream(fc.integer({ min: 1, max: 3 }))).map(([shape, stream]) => {
    const repeats = shape.map(() => stream.next().value as number);
    return { text: `repeats ${repeats.join()}`, build: (x) => o.tile(x, repeats), specs: [{ shape }] };
  }),
  Slice: oneOf(
    sliced.map(({ shape, axes, list }) => ({
      text: JSON.stringify({ axes, list }),
      build: (x) =>
        emitted(x, o.Slice, [
          vector(
            x,
            list.map(([start]) => start),
          ),
          vector(
            x,
            list.map(([, end]) => end),
          ),
          vector(x, axes),
          vector(
            x,
            list.map(([, , step]) => step),
          ),
        ]),
      specs: [{ shape }],
    })),
    fixed((x) => emitted(x, o.Slice, [vector(x, [1]), vector(x, [100])]), [anywhere(3, 2)]),
    fixed((x) => o.reverse(o.slice(x, 1, 1, 3), -1), [anywhere(2, 4)]),
  ),
  Pad: padded.map(({ mode, shape, pads, hasValue }) => ({
    text: JSON.stringify({ mode, pads }),
    build: (x, value) => emitted(x, o.Pad, [vector(x, pads), ...(hasValue ? [value] : [])], { mode }),
    specs: [{ shape }, ...(hasValue ? [{ shape: [] }] : [])],
  })),
  Concat: fc
    .tuple(shapeAndAxis(), fc.array(dim, { minLength: 1, maxLength: 3 }))
    .map(([{ shape, axis }, parts]) => ({
      text: `axis ${axis}`,
      build: (...values) => emitted(values[0] as Value, o.Concat, values.slice(1), { axis }),
      specs: parts.map((size) => ({
        shape: shape.map((d, i) => (i === (axis + shape.length) % shape.length ? size : d)),
      })),
    })),
  Split: oneOf(
    fc
      .tuple(shapeAndAxis(), fc.array(dim, { minLength: 2, maxLength: 3 }))
      .map(([{ shape, axis }, parts]) => ({
        text: `axis ${axis}, parts ${parts.join()}`,
        // The first part is not used.
        build: (x) =>
          o.concat(
            o
              .split(x, axis, parts)
              .slice(1)
              .map((part) => o.mul(part, part)),
            axis,
          ),
        specs: [
          {
            shape: shape.map((d, i) =>
              i === (axis + shape.length) % shape.length ? count([parts.reduce((a, b) => a + b)]) : d,
            ),
          },
        ],
      })),
    fixed((x) => o.apply(x.graph, o.Split, [x], { axis: -1, num_outputs: 2 })[1] as Value, [anywhere(2, 5)]),
  ),
  Trilu: fc
    .tuple(shapes(2), fc.boolean(), fc.integer({ min: -2, max: 2 }))
    .map(([shape, upper, diagonal]) => ({
      text: JSON.stringify({ upper, diagonal }),
      build: (x) => o.trilu(x, upper, diagonal),
      specs: [{ shape }],
    })),
  ReduceSum: oneOf(
    reduction(o.reduceSum),
    fixed((x) => emitted(x, o.ReduceSum, [], { noop_with_empty_axes: 1 }), [anywhere(2, 3)]),
  ),
  ReduceMean: oneOf(
    reduction(o.reduceMean),
    fixed((x) => emitted(x, o.ReduceMean, []), [anywhere(2, 3)]),
  ),
  ReduceMax: reduction(o.reduceMax, { apart: true }),
  ReduceMin: reduction(o.reduceMin, { apart: true }),
  ReduceProd: oneOf(
    reduction(o.reduceProd),
    // Factors of zero: one in the first row, two in the second, none in the third.
    fixed(
      (x) => o.reduceProd(o.mul(x, x.graph.constant(x.dtype, [3, 3], [1, 0, 1, 0, 1, 0, 1, 1, 1])), [1]),
      [anywhere(3, 3)],
    ),
  ),
  ReduceSumSquare: oneOf(
    reduction(o.reduceSumSquare),
    fixed((x) => o.reduceSumSquare(x), [anywhere()]),
  ),
  ReduceL1: reduction(o.reduceL1, { kinks: [0] }, (x, axes, keep) => o.reduceSum(o.abs(x), axes, keep)),
  ReduceL2: reduction(o.reduceL2, { between: [0.2, 2] }, (x, axes, keep) =>
    o.sqrt(o.reduceSumSquare(x, axes, keep)),
  ),
  ReduceLogSum: reduction(o.reduceLogSum, { between: [0.2, 2] }, (x, axes, keep) =>
    o.log(o.reduceSum(x, axes, keep)),
  ),
  ReduceLogSumExp: reduction(o.reduceLogSumExp, {}, (x, axes, keep) =>
    o.log(o.reduceSum(o.exp(x), axes, keep)),
  ),
  CumSum: fc
    .tuple(shapeAndAxis(), fc.boolean(), fc.boolean())
    .map(([{ shape, axis }, exclusive, reverse]) => ({
      text: JSON.stringify({ axis, exclusive, reverse }),
      build: (x) => o.cumSum(x, axis, { exclusive, reverse }),
      specs: [{ shape }],
    })),
};
