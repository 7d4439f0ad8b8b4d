/** @file Operators without a gradient: what they put out, under the inferred type and shape. */
import { afterAll, describe, expect, it } from 'vitest';
import { evaluate } from '../evaluate.js';
import { type Attributes, Graph, isComposite, type Value } from '../graph.js';
import { closeSessions } from '../session.js';
import { type DataType, typeOfTensor } from '../tensor.js';
import * as o from './index.js';

afterAll(closeSessions);

const graph = new Graph();
const floats = (...values: number[]) => graph.constant('float32', [values.length], values);
const ints = (...values: number[]) => graph.constant('int64', [values.length], values);
const bools = (...values: number[]) => graph.constant('bool', [values.length], values);
const table = graph.constant('float32', [2, 3], [1, 5, 5, -2, -3, -2]);
const [falses, trues] = [bools(0, 0, 1, 1), bools(0, 1, 0, 1)];

interface Case {
  readonly entry: o.Entry;
  readonly inputs: readonly (Value | undefined)[];
  readonly attributes?: Attributes;
  readonly dtype: DataType;
  readonly shape: readonly number[];
  readonly elements: readonly number[];
}

const row = (
  entry: o.Entry,
  inputs: readonly (Value | undefined)[],
  dtype: DataType,
  shape: readonly number[],
  elements: readonly number[],
  attributes: Attributes = {},
): Case => ({ entry, inputs, attributes, dtype, shape, elements });

const comparison = (entry: o.Entry, elements: number[]) =>
  row(entry, [floats(1, 2, 3), floats(2, 2, 2)], 'bool', [3], elements);
const logic = (entry: o.Entry, elements: number[]) => row(entry, [falses, trues], 'bool', [4], elements);

const cases: Case[] = [
  row(o.Sign, [floats(-2, 0, 3)], 'float32', [3], [-1, 0, 1]),
  row(o.Floor, [floats(-1.5, 1.5)], 'float32', [2], [-2, 1]),
  row(o.Ceil, [floats(-1.5, 1.5)], 'float32', [2], [-1, 2]),
  // Halves go to the even neighbour.
  row(o.Round, [floats(-2.5, 0.5, 1.5, 2.4)], 'float32', [4], [-2, 0, 2, 2]),
  comparison(o.Equal, [0, 1, 0]),
  comparison(o.Greater, [0, 0, 1]),
  comparison(o.GreaterOrEqual, [0, 1, 1]),
  comparison(o.Less, [1, 0, 0]),
  comparison(o.LessOrEqual, [1, 1, 0]),
  logic(o.And, [0, 0, 0, 1]),
  logic(o.Or, [0, 1, 1, 1]),
  logic(o.Xor, [0, 1, 1, 0]),
  row(o.Not, [falses], 'bool', [4], [1, 1, 0, 0]),
  row(o.IsNaN, [floats(1, NaN, Infinity)], 'bool', [3], [0, 1, 0]),
  row(o.IsInf, [floats(-Infinity, NaN, Infinity)], 'bool', [3], [1, 0, 1]),
  row(o.IsInf, [floats(-Infinity, 0, Infinity)], 'bool', [3], [0, 0, 1], { detect_negative: 0 }),
  row(o.BitwiseAnd, [ints(12, 5), ints(10)], 'int64', [2], [8, 0]),
  row(o.BitwiseOr, [ints(12, 5), ints(10)], 'int64', [2], [14, 15]),
  row(o.BitwiseXor, [ints(12, 5), ints(10)], 'int64', [2], [6, 15]),
  row(o.BitwiseNot, [ints(0, 5)], 'int64', [2], [-1, -6]),
  // The first of equals, or the last.
  row(o.ArgMax, [table], 'int64', [1, 3], [0, 0, 0]),
  row(o.ArgMax, [table], 'int64', [2], [1, 0], { axis: -1, keepdims: 0 }),
  row(o.ArgMax, [table], 'int64', [2], [2, 2], { axis: -1, keepdims: 0, select_last_index: 1 }),
  row(o.ArgMin, [table], 'int64', [2, 1], [0, 1], { axis: 1 }),
  row(o.Hardmax, [table], 'float32', [2, 3], [0, 1, 0, 1, 0, 0]),
  row(o.OneHot, [ints(2, 0), ints(3), floats(-1, 1)], 'float32', [2, 3], [-1, -1, 1, 1, -1, -1]),
  row(o.OneHot, [ints(2, 0), ints(3), floats(0, 1)], 'float32', [3, 2], [0, 1, 0, 0, 1, 0], { axis: 0 }),
  row(
    o.Range,
    [graph.scalar(5, 'int64'), graph.scalar(0, 'int64'), graph.scalar(-2, 'int64')],
    'int64',
    [3],
    [5, 3, 1],
  ),
  row(o.ShapeOf, [table], 'int64', [2], [2, 3]),
  row(o.ShapeOf, [table], 'int64', [1], [3], { start: -1 }),
  row(o.Size, [table], 'int64', [], [6]),
  row(
    o.MatMulInteger,
    [
      graph.constant('uint8', [1, 2], Uint8Array.of(3, 5)),
      graph.constant('uint8', [2, 1], Uint8Array.of(7, 2)),
      graph.constant('uint8', [], Uint8Array.of(1)),
    ],
    'int32',
    [1, 1],
    [2 * 7 + 4 * 2],
  ),
];

describe('operators without a gradient', () => {
  it.each(cases)('$entry.name $attributes', async ({ entry, inputs, attributes, dtype, shape, elements }) => {
    const y = o.apply(graph, entry, inputs, attributes)[0] as Value;
    expect({ dtype: y.dtype, shape: y.shape }).toEqual({ dtype, shape });
    const result = (await evaluate({ y }))['y'];
    expect(result?.shape).toEqual(shape);
    expect(result && typeOfTensor(result)).toBe(dtype);
    expect(Array.from(result?.data ?? [], Number)).toEqual(elements);
  });

  it('are all here, but those that their own tests are about', () => {
    const elsewhere = ['DequantizeLinear', 'GatherBlockQuantized', 'TakeFirst'];
    const flat = [...o.operators.values()].filter(
      (entry) => !isComposite(entry) && !o.isDifferentiable(entry),
    );
    const named = new Set([...cases.map(({ entry }) => entry.name), ...elsewhere]);
    expect(flat.map(({ name }) => name).filter((name) => !named.has(name))).toEqual([]);
  });
});
