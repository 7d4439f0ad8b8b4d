/** @file Checks of gradients: single elements. */
import fc from 'fast-check';
import type { Value } from '../../graph.js';
import * as o from '../../operators/index.js';
import type { GradientCase } from '../central_differences.js';
import {
  anywhere,
  binary,
  broadcasting,
  type Checks,
  erf,
  fixed,
  oneOf,
  outputOf,
  shapes,
  unary,
} from './define.js';

const positive = { between: [0.5, 2] } as const;
const isSingle = true;

export const elementwise: Checks = {
  Add: binary(o.add),
  Sub: binary(o.sub),
  Mul: binary(o.mul),
  Div: binary(o.div, {}, positive),
  Pow: oneOf(
    binary(o.pow, positive),
    fc.tuple(shapes(1), fc.constantFrom(0, 0.5, 1, 2, 3, -1.5)).map(([shape, exponent]) => ({
      text: `exponent ${exponent}`,
      build: (x) => o.pow(x, exponent),
      scalar: (x: number) => x ** exponent,
      specs: [{ shape, ...positive }],
    })),
    // Whole powers of negative numbers, of another type.
    fixed(
      (x) => o.apply(x.graph, o.Pow, [x, x.graph.constant('int64', [2], [3, 2])])[0] as Value,
      [anywhere(3, 2)],
    ),
  ),
  Neg: unary(o.neg, (x) => -x),
  Reciprocal: unary(o.reciprocal, (x) => 1 / x, positive),
  Abs: unary(o.abs, Math.abs, { kinks: [0] }),
  Mod: binary(o.mod, { between: [0.1, 0.9] }, { between: [1, 2] }),
  Clip: oneOf(
    unary(
      (x) => o.clip(x, -0.5, 1),
      (x) => Math.min(1, Math.max(-0.5, x)),
      { kinks: [-0.5, 1] },
    ),
    unary(
      (x) => o.clip(x, undefined, 1),
      (x) => Math.min(1, x),
      { kinks: [1] },
    ),
    unary(
      (x) => o.clip(x),
      (x) => x,
    ),
    shapes(1).map((shape) => ({
      text: 'bounds that are computed',
      build: (x, low, high) => o.clip(x, low, high),
      specs: [
        { shape, kinks: [] },
        { shape: [], between: [-0.51, -0.5] },
        { shape: [], between: [0.5, 0.51] },
      ],
    })),
  ),
  Sqrt: unary(o.sqrt, Math.sqrt, positive),
  Exp: unary(o.exp, Math.exp),
  Log: unary(o.log, Math.log, positive),
  Tanh: unary(o.tanh, Math.tanh),
  Sigmoid: unary(o.sigmoid, (x) => 1 / (1 + Math.exp(-x))),
  Erf: unary(o.erf, erf, { isSingle }),
  Sin: unary(o.sin, Math.sin),
  Cos: unary(o.cos, Math.cos),
  Tan: unary(o.tan, Math.tan, { isSingle, between: [-1.2, 1.2] }),
  Asin: unary(o.asin, Math.asin, { isSingle, between: [-0.9, 0.9] }),
  Acos: unary(o.acos, Math.acos, { isSingle, between: [-0.9, 0.9] }),
  Atan: unary(o.atan, Math.atan, { isSingle }),
  Sinh: unary(o.sinh, Math.sinh, { isSingle }),
  Cosh: unary(o.cosh, Math.cosh, { isSingle }),
  Asinh: unary(o.asinh, Math.asinh, { isSingle }),
  Acosh: unary(o.acosh, Math.acosh, { isSingle, between: [1.2, 3] }),
  Atanh: unary(o.atanh, Math.atanh, { isSingle, between: [-0.9, 0.9] }),
  Cast: shapes().map((shape) => ({
    text: '',
    build: (x) => o.cast(o.cast(o.mul(x, x), 'float32'), x.dtype),
    reference: (x) => o.mul(x, x),
    specs: [{ shape }],
  })),
  Identity: unary(o.identity, (x) => x),
  Dropout: unary(outputOf(o.Dropout), (x) => x),
  // What stands behind it counts as a number.
  Detach: fixed((x) => o.mul(o.detach(o.fill(x.graph, x.dtype, [3], 2)), x), [anywhere(3)]),
  Where: fc
    .tuple(broadcasting(3), fc.infiniteStream(fc.boolean()))
    .map(([[c = [], a = [], b = []], coins]) => {
      const choices = Array.from({ length: c.reduce((n, d) => n * d, 1) }, () => Number(coins.next().value));
      return {
        text: `condition [${c.join()}]: ${choices.join()}`,
        build: (x, y) => o.where(x.graph.constant('bool', c, choices), x, y),
        specs: [{ shape: a }, { shape: b }],
      };
    }),
  Sum: broadcasting(3).map((list) => ({
    text: '',
    build: (...values) => o.sum(values),
    specs: list.map((shape) => ({ shape })),
  })),
  Mean: broadcasting(3).map((list) => ({
    text: '',
    build: outputOf(o.Mean),
    reference: (...values) =>
      o.div(
        values.reduce((a, b) => o.add(a, b)),
        values.length,
      ),
    specs: list.map((shape) => ({ shape })),
  })),
  ...Object.fromEntries(
    [o.Max, o.Min].map((entry) => [
      entry.name,
      fc.tuple(fc.integer({ min: 1, max: 4 }), shapes(0, 2)).map(([count, shape]): GradientCase => ({
        text: `${count} operands`,
        build: outputOf(entry),
        // The operands' values alternate, and no two are close.
        specs: Array.from({ length: count }, (_, i) => ({
          shape: i % 2 === 0 ? shape : shape.slice(1),
          apart: true,
          between: [-2 + i * 0.011, 2 + i * 0.011] as const,
        })),
      })),
    ]),
  ),
};
