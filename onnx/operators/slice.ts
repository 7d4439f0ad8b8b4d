/** @file Parts of a tensor, and a tensor as a part of a larger one: slice, pad. */
import type { Value } from '../graph.js';
import { type Dim, dimAt, normalizeAxis, type Shape, ShapeError, shapeText } from '../shape.js';
import { constantNumbers, forwardOnly, int64s, need, operator, optionalNumbers } from './define.js';
import { sub } from './elementwise.js';
import { addAlong } from './gather.js';
import { concat, fill, replaceDim } from './movement.js';
import { reduceSum } from './reduction.js';
import { dimensionOf, reshape } from './reshape.js';

/** Elements first, first + step, … of an axis, `count` of them. */
interface Stride {
  readonly axis: number;
  readonly first: number;
  readonly step: number;
  readonly count: number;
}

/** What ONNX's starts, ends, axes and steps come to for a shape: ends beyond the axis stop at its end. */
function stridesOf(inputs: readonly (Value | undefined)[]): Stride[] {
  const { shape } = need(inputs, 0);
  const [starts, ends] = [constantNumbers(inputs, 1), constantNumbers(inputs, 2)];
  const axes = optionalNumbers(inputs, 3) ?? starts.map((_, axis) => axis);
  const steps = optionalNumbers(inputs, 4) ?? starts.map(() => 1);
  if (ends.length !== starts.length || axes.length !== starts.length || steps.length !== starts.length) {
    throw new ShapeError('starts, ends, axes and steps are not as many of each');
  }
  const seen = new Set(axes.map((axis) => normalizeAxis(axis, shape.length)));
  if (seen.size < axes.length) throw new ShapeError(`axes ${shapeText(axes)} name one twice`);
  return axes.flatMap((given, i) => {
    const axis = normalizeAxis(given, shape.length);
    const [size, start, end, step] = [
      shape[axis] as Dim,
      starts[i] as number,
      ends[i] as number,
      steps[i] as number,
    ];
    if (step === 0) throw new ShapeError(`the step along axis ${axis} is 0`);
    if (typeof size === 'string') {
      if (start === 0 && step === 1 && end >= 2 ** 31 - 1) return [];
      throw new ShapeError(
        `axis ${axis} of ${shapeText(shape)} has no size yet: a part of it cannot be taken`,
      );
    }
    const fromFront = (at: number) => (at < 0 ? at + size : at);
    const clamp = (at: number, low: number, high: number) => Math.min(high, Math.max(low, fromFront(at)));
    // Going down, the end stops before the first element: at −1.
    const [first, stop] =
      step > 0
        ? [clamp(start, 0, size), clamp(end, 0, size)]
        : [clamp(start, 0, size - 1), Math.min(size - 1, Math.max(-1, fromFront(end)))];
    return [{ axis, first, step, count: Math.max(0, Math.ceil((stop - first) / step)) }];
  });
}

/** Inputs: x, starts, ends, and if given axes and steps, all constants. */
export const Slice = operator({
  name: 'Slice',
  infer: ({ inputs }) => {
    const x = need(inputs, 0);
    const shape = [...x.shape];
    for (const { axis, count } of stridesOf(inputs)) shape[axis] = count;
    return [{ dtype: x.dtype, shape }];
  },
  gradient: ({ inputs, gradients }) => {
    const x = need(inputs, 0);
    const dx = stridesOf(inputs).reduce(
      (dy, stride) => putBack(dy, stride, dimAt(x.shape, stride.axis) as number),
      need(gradients, 0),
    );
    return [dx, undefined, undefined, undefined, undefined];
  },
});

/** A part of an axis at its place in the whole axis, zeros elsewhere. */
function putBack(part: Value, { axis, first, step, count }: Stride, size: number): Value {
  const zeros = (shape: Shape, at: number, length: number) =>
    fill(part.graph, part.dtype, replaceDim(shape, at, length));
  if (count === 0) return zeros(part.shape, axis, size);
  // Counted upwards, the part starts at its last element where the step is negative.
  const start = step > 0 ? first : first + (count - 1) * step;
  let spread = step > 0 ? part : reverse(part, axis);
  const gap = Math.abs(step) - 1;
  if (gap > 0 && count > 1) {
    const cells = reshape(spread, [...part.shape.slice(0, axis), count, 1, ...part.shape.slice(axis + 1)]);
    const rows = concat([cells, zeros(cells.shape, axis + 1, gap)], axis + 1);
    spread = slice(
      reshape(rows, replaceDim(part.shape, axis, count * (gap + 1))),
      axis,
      0,
      count * (gap + 1) - gap,
    );
  }
  const after = size - start - (spread.shape[axis] as number);
  return concat(
    [
      ...(start > 0 ? [zeros(spread.shape, axis, start)] : []),
      spread,
      ...(after > 0 ? [zeros(spread.shape, axis, after)] : []),
    ],
    axis,
  );
}

/** Elements `start` up to `end` of an axis. */
export function slice(x: Value, axis: number, start: number, end: number): Value {
  const at = normalizeAxis(axis, x.shape.length);
  const size = x.shape[at] as Dim;
  if (start === 0 && end === size) return x;
  if (typeof size === 'string' || start < 0 || end > size || start > end) {
    throw new ShapeError(
      `Slice of ${x.name}: ${x.typeText}: ${start}…${end} is not a range of an axis of size ${size}`,
    );
  }
  const vector = (value: number) => int64s(x.graph, [value]);
  return x.graph.emitOne(Slice, [x, vector(start), vector(end), vector(at)], {});
}

/** The last element first, along an axis. */
export function reverse(x: Value, axis: number): Value {
  const vector = (value: number) => int64s(x.graph, [value]);
  const at = normalizeAxis(axis, x.shape.length);
  // Ends are counted from the back when negative: before the first is beyond all of them.
  return x.graph.emitOne(Slice, [x, vector(-1), vector(-(2 ** 31)), vector(at), vector(-1)], {});
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

/** How much is added before and after each axis; negative: cut off. */
function paddings(inputs: readonly (Value | undefined)[]): { axis: number; before: number; after: number }[] {
  const rank = need(inputs, 0).shape.length;
  const pads = constantNumbers(inputs, 1);
  const axes = optionalNumbers(inputs, 3) ?? Array.from({ length: rank }, (_, axis) => axis);
  if (pads.length !== 2 * axes.length) {
    throw new ShapeError(
      `${pads.length} paddings for ${axes.length} axes: two for each, first all before, then all after`,
    );
  }
  return axes.map((axis, i) => ({
    axis: normalizeAxis(axis, rank),
    before: pads[i] as number,
    after: pads[i + axes.length] as number,
  }));
}

/** Which element of an axis stands at each place of the padded one. */
function paddedFrom(mode: string, size: number, before: number, after: number): number[] {
  return Array.from({ length: before + size + after }, (_, i) => {
    const at = i - before;
    if (mode === 'edge') return Math.min(size - 1, Math.max(0, at));
    if (mode === 'wrap') return ((at % size) + size) % size;
    const period = Math.max(1, 2 * (size - 1));
    const folded = ((at % period) + period) % period;
    return folded < size ? folded : period - folded;
  });
}

/** Inputs: x, pads, and if given a constant value and axes. */
export const Pad = operator<{ mode: string }>({
  name: 'Pad',
  attributes: { mode: 'string' },
  defaults: { mode: 'constant' },
  infer: ({ inputs, attributes: { mode } }) => {
    const x = need(inputs, 0);
    if (!['constant', 'reflect', 'edge', 'wrap'].includes(mode))
      throw new ShapeError(`mode "${mode}" does not exist`);
    const shape = [...x.shape];
    for (const { axis, before, after } of paddings(inputs)) {
      const size = shape[axis] as Dim;
      if (before === 0 && after === 0) continue;
      if (typeof size === 'string')
        throw new ShapeError(`axis ${axis} of ${shapeText(x.shape)} has no size yet`);
      shape[axis] = before + size + after;
      if (before + size + after < 0)
        throw new ShapeError(`axis ${axis} of size ${size} is cut to less than nothing`);
    }
    return [{ dtype: x.dtype, shape }];
  },
  gradient: ({ inputs, gradients, attributes: { mode }, wanted }) => {
    const [x, dy] = [need(inputs, 0), need(gradients, 0)];
    const list = paddings(inputs);
    if (mode === 'constant') {
      // What was added is cut off, what was cut off is added: as zeros.
      const dx = pad(
        dy,
        list.map(({ axis, before, after }) => ({ axis, before: -before, after: -after })),
      );
      const padding = () => sub(reduceSum(dy), reduceSum(dx));
      return [dx, undefined, wanted[2] ? reshape(padding(), need(inputs, 2).shape) : undefined, undefined];
    }
    const dx = list.reduceRight((sum, { axis, before, after }) => {
      if (before === 0 && after === 0) return sum;
      const size = dimAt(x.shape, axis) as number;
      const from = int64s(x.graph, paddedFrom(mode, size, before, after));
      return addAlong(sum, from, axis, size);
    }, dy);
    return [dx, undefined, undefined, undefined];
  },
});

/** Adds elements of one value before and after axes; negative numbers cut off. */
export function pad(
  x: Value,
  paddings: readonly { axis: number; before: number; after: number }[],
  value = 0,
): Value {
  const used = paddings.filter(({ before, after }) => before !== 0 || after !== 0);
  if (used.length === 0) return x;
  const { graph } = x;
  const pads = int64s(graph, [...used.map(({ before }) => before), ...used.map(({ after }) => after)]);
  const axes = used.map(({ axis }) => normalizeAxis(axis, x.shape.length));
  return graph.emitOne(Pad, [x, pads, graph.scalar(value, x.dtype), int64s(graph, axes)], {
    mode: 'constant',
  });
}
