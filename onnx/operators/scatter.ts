/** @file Writing by index. */
import type { Value } from '../graph.js';
import { dimAt, sameShape, ShapeError, shapeText } from '../shape.js';
import { need, NoGradient, operator, type Rewrite, sameType } from './define.js';
import { checkIndices, gatherElements, gatherND, rowNumbers } from './gather.js';
import { expand, fill } from './movement.js';
import { reshape, unsqueeze } from './reshape.js';

/** What becomes of an element that is written to, or written to more than once. */
export type Scattering = (typeof scatterings)[number];

const noReduction = new NoGradient(
  'write with the reduction "add" or "none", or put detach() around its inputs',
);

/** One after the other: what repeated indices add up does not depend on the number of threads. */
export const ScatterElements = operator<{ axis: number; reduction: string }>({
  name: 'ScatterElements',
  attributes: { axis: 'int', reduction: 'string' },
  defaults: { axis: 0, reduction: 'none' },
  infer: ({ inputs }) => {
    const [x, indices, updates] = [need(inputs, 0), need(inputs, 1), need(inputs, 2)];
    checkIndices(indices);
    if (!sameShape(indices.shape, updates.shape)) {
      throw new ShapeError(
        `indices ${shapeText(indices.shape)} and updates ${shapeText(updates.shape)} differ`,
      );
    }
    if (x.shape.length !== indices.shape.length) throw new ShapeError('indices and elements differ in rank');
    return [{ dtype: sameType(inputs, 0, 2), shape: x.shape }];
  },
  gradient: ({ inputs, gradients, attributes: { axis, reduction }, wanted }) => {
    const [indices, updates, dy] = [need(inputs, 1), need(inputs, 2), need(gradients, 0)];
    if (reduction !== 'add' && reduction !== 'none') throw noReduction;
    const overwritten = () =>
      scatterElements(dy, indices, fill(dy.graph, dy.dtype, updates.shape), axis, 'none');
    return [
      !wanted[0] ? undefined : reduction === 'add' ? dy : overwritten(),
      undefined,
      wanted[2] ? gatherElements(dy, indices, axis) : undefined,
    ];
  },
});

export function scatterElements(
  x: Value,
  indices: Value,
  updates: Value,
  axis: number,
  reduction: Scattering,
): Value {
  return x.graph.emitOne(ScatterElements, [x, indices, updates], { axis, reduction });
}

/**
 * Writes whole slices at indices [..., k] that must not repeat: with repeats the last thread would win. Its other
 * reductions are not used at all: on a CPU of several threads, repeated indices race (see {@link scatterND}).
 */
export const ScatterND = operator<{ reduction?: string }>({
  name: 'ScatterND',
  infer: ({ inputs, attributes: { reduction = 'none' } }) => {
    const [x, indices, updates] = [need(inputs, 0), need(inputs, 1), need(inputs, 2)];
    if (reduction !== 'none')
      throw new ShapeError(`reduction "${reduction}" depends on threads: scatterND() writes it otherwise`);
    const k = dimAt(indices.shape, -1);
    if (
      typeof k === 'number' &&
      !sameShape(updates.shape, [...indices.shape.slice(0, -1), ...x.shape.slice(k)])
    ) {
      throw new ShapeError(
        `updates ${shapeText(updates.shape)} are not slices of ${shapeText(x.shape)} at ${shapeText(indices.shape)}`,
      );
    }
    return [{ dtype: sameType(inputs, 0, 2), shape: x.shape }];
  },
  gradient: ({ inputs, gradients, wanted }) => {
    const [indices, updates, dy] = [need(inputs, 1), need(inputs, 2), need(gradients, 0)];
    return [
      wanted[0] ? scatterND(dy, indices, fill(dy.graph, dy.dtype, updates.shape)) : undefined,
      undefined,
      wanted[2] ? gatherND(dy, indices) : undefined,
    ];
  },
});

/**
 * Writes whole slices at indices [..., k]; with reduction `none` they must not repeat. With any other, slices are
 * written as rows by ScatterElements, which takes them one after the other: slower, and right.
 */
export function scatterND(x: Value, indices: Value, updates: Value, reduction: Scattering = 'none'): Value {
  if (reduction === 'none') return x.graph.emitOne(ScatterND, [x, indices, updates], {});
  const { rows, count, width } = rowNumbers(x, indices);
  const flat = reshape(updates, [dimAt(rows.shape, 0), width]);
  const places = expand(unsqueeze(rows, 1), flat.shape);
  return reshape(scatterElements(reshape(x, [count, width]), places, flat, 0, reduction), x.shape);
}

const scatterings = ['none', 'add', 'mul', 'min', 'max'] as const;

/** {@link scatterND}, which no repeated index makes depend on threads. */
export const ScatterSlices: Rewrite = {
  name: 'ScatterND',
  attributes: { reduction: 'string' },
  defaults: { reduction: 'none' },
  parts: ['ScatterND', 'ScatterElements', 'Reshape'],
  build: ({ inputs, attributes }) => {
    const reduction = scatterings.find((name) => name === attributes['reduction']);
    if (reduction === undefined)
      throw new ShapeError(`reduction "${String(attributes['reduction'])}" does not exist`);
    return [scatterND(need(inputs, 0), need(inputs, 1), need(inputs, 2), reduction)];
  },
};
