/** @file Checks of gradients: products of matrices, Einstein sums, softmax, normalization. */
import fc from 'fast-check';
import type { Value } from '../../graph.js';
import * as o from '../../operators/index.js';
import {
  anywhere,
  broadcasting,
  type Check,
  type Checks,
  dim,
  fixed,
  oneOf,
  outputOf,
  shapeAndAxis,
} from './define.js';

const flags = fc.record({ transA: fc.boolean(), transB: fc.boolean() });
const sizes = fc.tuple(dim, dim, dim);
const turned = (shape: readonly number[], isTurned: boolean) =>
  isTurned ? [...shape].reverse() : [...shape];

/** Products of matrices α·A·B + β·C, either transposed. */
const gemmLike = (build: (options: Options) => (a: Value, b: Value, c: Value) => Value): Check =>
  fc.tuple(flags, sizes, broadcasting(1, 2)).chain(([{ transA, transB }, [m, k, n]]) =>
    fc.constantFrom([], [n], [1, n], [m, 1], [m, n]).map((c) => {
      const options = { transA, transB, alpha: 0.7, beta: transA ? 1 : 0.3 };
      return {
        text: JSON.stringify(options),
        build: build(options),
        specs: [{ shape: turned([m, k], transA) }, { shape: turned([k, n], transB) }, { shape: c }],
      };
    }),
  );
interface Options {
  readonly transA: boolean;
  readonly transB: boolean;
  readonly alpha: number;
  readonly beta: number;
}
const asNumbers = ({ transA, transB, alpha, beta }: Options) => ({
  transA: Number(transA),
  transB: Number(transB),
  alpha,
  beta,
});

/** Products over the last two axes, either transposed, the others broadcast. */
const fusedLike = (build: (options: Options) => (a: Value, b: Value) => Value): Check =>
  fc.tuple(flags, sizes, broadcasting(2, 2)).map(([{ transA, transB }, [m, k, n], [a = [], b = []]]) => {
    const options = { transA, transB, alpha: 0.7, beta: 0 };
    return {
      text: JSON.stringify(options),
      build: build(options),
      specs: [{ shape: [...a, ...turned([m, k], transA)] }, { shape: [...b, ...turned([k, n], transB)] }],
    };
  });

const equations: readonly (readonly [string, ...number[][]])[] = [
  ['ij->ji', [2, 3]],
  ['ij->', [2, 3]],
  ['ii', [3, 3]],
  ['iji->ji', [2, 3, 2]],
  ['...ij->...ji', [2, 2, 3]],
  ['ij,jk->ik', [2, 3], [3, 2]],
  ['ij,jk', [2, 3], [3, 2]],
  ['i,j->ji', [2], [3]],
  ['i,i->', [3], [3]],
  ['bhid,bhjd->bhij', [2, 1, 3, 2], [2, 1, 2, 2]],
  ['bij,bkj->kib', [2, 2, 3], [2, 3, 3]],
  ['bik,bjl->bij', [2, 2, 3], [2, 3, 2]],
  ['...ij,...jk->...ik', [2, 1, 2, 3], [2, 3, 2]],
  ['b...,b...->...', [2, 3], [2, 3]],
  ['iij,jk->ik', [2, 2, 3], [3, 2]],
  ['ij,jk,kl->il', [2, 3], [3, 2], [2, 2]],
  ['ij,ij,i->j', [2, 3], [2, 3], [2]],
];

/** (x − mean)/√(variance + ε) or x/√(mean square + ε) over the axes from `axis` on. */
const normalizedOf = (x: Value, axis: number, epsilon: number, isCentred: boolean) => {
  const axes = x.shape.flatMap((_, i) => (i >= (axis < 0 ? axis + x.shape.length : axis) ? [i] : []));
  const centred = isCentred ? o.sub(x, o.reduceMean(x, axes, true)) : x;
  return o.div(centred, o.sqrt(o.add(o.reduceMean(o.mul(centred, centred), axes, true), epsilon)));
};

const epsilon = 0.1;

/** Norms over the axes from any one on, with a scale and perhaps a bias of their shape. */
const norms = (entry: o.Entry, isCentred: boolean, mayHaveBias: boolean): Check =>
  fc.tuple(shapeAndAxis(), fc.boolean()).map(([{ shape, axis }, coin]) => {
    const inner = shape.slice(axis);
    const hasBias = mayHaveBias && coin;
    return {
      text: `axis ${axis}`,
      build: outputOf(entry, { axis, epsilon }),
      reference: (x, scale, bias) => {
        const scaled = o.mul(normalizedOf(x, axis, epsilon, isCentred), scale);
        return hasBias && bias !== undefined ? o.add(scaled, bias) : scaled;
      },
      specs: [{ shape }, { shape: inner }, ...(hasBias ? [{ shape: inner }] : [])],
    };
  });

/** The statistics that LayerNormalization also puts out. */
const statistics: Check = shapeAndAxis().map(({ shape, axis }) => {
  const axes = shape.flatMap((_, i) => (i >= (axis < 0 ? axis + shape.length : axis) ? [i] : []));
  return {
    text: `means and deviations from axis ${axis} on`,
    build: (x, scale) => {
      const [y, mean, inverse] = o.apply(x.graph, o.LayerNormalization, [x, scale], { axis, epsilon });
      return o.add(o.mul(y as Value, mean as Value), inverse as Value);
    },
    reference: (x, scale) => {
      const mean = o.reduceMean(x, axes, true);
      const variance = o.reduceMean(o.mul(o.sub(x, mean), o.sub(x, mean)), axes, true);
      const y = o.mul(normalizedOf(x, axis, epsilon, true), scale);
      return o.add(o.mul(y, mean), o.reciprocal(o.sqrt(o.add(variance, epsilon))));
    },
    specs: [{ shape }, { shape: shape.slice(axis) }],
  };
});

const alongAxis = (build: (x: Value, axis: number) => Value): Check =>
  shapeAndAxis().map(({ shape, axis }) => ({
    text: `axis ${axis}`,
    build: (x) => build(x, axis),
    specs: [{ shape }],
  }));

export const matrix: Checks = {
  MatMul: oneOf(
    fc.tuple(sizes, broadcasting(2, 2)).map(([[m, k, n], [a = [], b = []]]) => ({
      text: '',
      build: o.matmul,
      specs: [{ shape: [...a, m, k] }, { shape: [...b, k, n] }],
    })),
    fixed(o.matmul, [anywhere(3), anywhere(3)]),
    fixed(o.matmul, [anywhere(3), anywhere(2, 3, 2)]),
    fixed(o.matmul, [anywhere(2, 2, 3), anywhere(3)]),
  ),
  FusedMatMul: fusedLike((options) => (a, b) => o.fusedMatmul(a, b, options)),
  TransposedMatMul: fusedLike(
    ({ beta: _, ...options }) =>
      (a, b) =>
        outputOf(o.TransposedMatMul, asNumbers({ ...options, beta: 0 }))(a, b),
  ),
  Gemm: gemmLike((options) => (a, b, c) => o.gemm(a, b, c, options)),
  TransposedGemm: gemmLike((options) => outputOf(o.TransposedGemm, asNumbers(options))),
  Einsum: oneOf(
    ...equations.map(([equation, ...operands]) =>
      fixed(
        (...values) => o.einsum(equation, ...values),
        operands.map((shape) => ({ shape })),
        { text: equation },
      ),
    ),
  ),
  Softmax: alongAxis(o.softmax),
  LogSoftmax: alongAxis(o.logSoftmax),
  LayerNormalization: oneOf(norms(o.LayerNormalization, true, true), statistics),
  RMSNormalization: norms(o.RMSNormalization, false, false),
  SimplifiedLayerNormalization: norms(o.SimplifiedLayerNormalization, false, false),
  LpNormalization: oneOf(
    alongAxis((x, axis) => o.lpNormalize(x, axis, 2)),
    alongAxis((x, axis) => o.lpNormalize(x, axis, 1)),
  ),
};
