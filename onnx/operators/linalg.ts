/** @file Matrix products. */
import type { GradientCall, Value } from '../graph.js';
import { broadcast, type Shape, ShapeError, shapeText } from '../shape.js';
import { composite, need, operator, sameType } from './define.js';
import { add, mul, unbroadcast } from './elementwise.js';
import { reduceSum } from './reduction.js';
import { transpose } from './movement.js';

/** Shape of A·B over the last two axes, the others broadcast. */
function productShape(a: Shape, b: Shape, transA: boolean, transB: boolean): Shape {
  if (a.length < 2 || b.length < 2)
    throw new ShapeError(`${shapeText(a)} · ${shapeText(b)}: both need two axes`);
  const [rows, innerA] = transA ? [a.at(-1), a.at(-2)] : [a.at(-2), a.at(-1)];
  const [innerB, columns] = transB ? [b.at(-1), b.at(-2)] : [b.at(-2), b.at(-1)];
  if (innerA !== innerB) {
    throw new ShapeError(
      `${shapeText(a)}${transA ? 'ᵀ' : ''} · ${shapeText(b)}${transB ? 'ᵀ' : ''}: ${innerA} ≠ ${innerB}`,
    );
  }
  return [...broadcast(a.slice(0, -2), b.slice(0, -2)), rows as string | number, columns as string | number];
}

export const MatMul = operator({
  name: 'MatMul',
  infer: ({ inputs }) => [
    {
      dtype: sameType(inputs, 0, 1),
      shape: productShape(need(inputs, 0).shape, need(inputs, 1).shape, false, false),
    },
  ],
  gradient: ({ inputs, gradients, wanted }) => {
    const [a, b, dy] = [need(inputs, 0), need(inputs, 1), need(gradients, 0)];
    return [
      wanted[0] ? unbroadcast(matmul(dy, swapLast(b)), a) : undefined,
      wanted[1] ? unbroadcast(matmul(swapLast(a), dy), b) : undefined,
    ];
  },
});

function swapLast(x: Value): Value {
  const axes = x.shape.map((_, axis) => axis);
  return transpose(x, [...axes.slice(0, -2), x.shape.length - 1, x.shape.length - 2]);
}

/** A·B over the last two axes (at least two each), the others broadcast. */
export function matmul(a: Value, b: Value): Value {
  return a.graph.emitOne(MatMul, [a, b], {});
}

type Fused = { transA: number; transB: number; alpha: number };

/** α·A·B with either transposed in its last two axes, without the transpose being carried out. */
export const FusedMatMul = operator<Fused>({
  name: 'FusedMatMul',
  domain: 'com.microsoft',
  attributes: { transA: 'int', transB: 'int', alpha: 'float' },
  infer: ({ inputs, attributes: { transA, transB } }) => [
    {
      dtype: sameType(inputs, 0, 1),
      shape: productShape(need(inputs, 0).shape, need(inputs, 1).shape, transA === 1, transB === 1),
    },
  ],
  gradient: ({ inputs, gradients, attributes, wanted }) => {
    const [a, b, dy] = [need(inputs, 0), need(inputs, 1), need(gradients, 0)];
    const { alpha } = attributes;
    const [transA, transB] = [attributes.transA === 1, attributes.transB === 1];
    const da = () =>
      transA
        ? fusedMatmul(b, dy, { transA: transB, transB: true, alpha })
        : fusedMatmul(dy, b, { transB: !transB, alpha });
    const db = () =>
      transB
        ? fusedMatmul(dy, a, { transA: true, transB: transA, alpha })
        : fusedMatmul(a, dy, { transA: !transA, alpha });
    return [wanted[0] ? unbroadcast(da(), a) : undefined, wanted[1] ? unbroadcast(db(), b) : undefined];
  },
});

export function fusedMatmul(
  a: Value,
  b: Value,
  { transA = false, transB = false, alpha = 1 }: { transA?: boolean; transB?: boolean; alpha?: number } = {},
): Value {
  return a.graph.emitOne(FusedMatMul, [a, b], { transA: Number(transA), transB: Number(transB), alpha });
}

type GemmAttributes = { transA: number; transB: number; alpha: number; beta: number };

/** α·A·B + β·C for matrices, either transposed, C broadcast: the fastest form of a linear layer on a CPU. */
export const Gemm = operator<GemmAttributes>({
  name: 'Gemm',
  attributes: { transA: 'int', transB: 'int', alpha: 'float', beta: 'float' },
  infer: ({ inputs, attributes: { transA, transB } }) => {
    const [a, b] = [need(inputs, 0), need(inputs, 1)];
    if (a.shape.length !== 2 || b.shape.length !== 2) {
      throw new ShapeError(`${shapeText(a.shape)} and ${shapeText(b.shape)} are not both matrices`);
    }
    const shape = productShape(a.shape, b.shape, transA === 1, transB === 1);
    const c = inputs[2];
    if (c !== undefined) broadcast(shape, c.shape);
    return [{ dtype: sameType(inputs, 0, 1, ...(c === undefined ? [] : [2])), shape }];
  },
  gradient: gemmGradient,
});

function gemmGradient({ inputs, gradients, attributes, wanted }: GradientCall<GemmAttributes>) {
  const [a, b, dy] = [need(inputs, 0), need(inputs, 1), need(gradients, 0)];
  const { alpha, beta } = attributes;
  const [transA, transB] = [attributes.transA === 1, attributes.transB === 1];
  const da = () =>
    transA
      ? gemm(b, dy, undefined, { transA: transB, transB: true, alpha })
      : gemm(dy, b, undefined, { transB: !transB, alpha });
  const db = () =>
    transB
      ? gemm(dy, a, undefined, { transA: true, transB: transA, alpha })
      : gemm(a, dy, undefined, { transA: !transA, alpha });
  const dc = (c: Value) => {
    const sum = unbroadcast(dy, c);
    return beta === 1 ? sum : mul(sum, beta);
  };
  const c = inputs[2];
  return [
    wanted[0] ? da() : undefined,
    wanted[1] ? db() : undefined,
    c !== undefined && wanted[2] ? dc(c) : undefined,
  ];
}

/** {@link Gemm} computed as the transpose of its transpose, so that it is split among threads by its columns. */
export const TransposedGemm = composite<GemmAttributes>({
  name: 'TransposedGemm',
  expand: ({ inputs, attributes: { transA, transB, alpha, beta } }) => {
    const [a, b, c] = [need(inputs, 0), need(inputs, 1), inputs[2]];
    // Not a Gemm: ONNX Runtime would fuse it with the transpose behind it, into what is avoided here.
    const transposed = fusedMatmul(b, a, { transA: transB === 0, transB: transA === 0, alpha });
    const product = transpose(transposed, [1, 0]);
    if (c === undefined) return [product];
    return [add(product, beta === 1 ? c : mul(c, beta))];
  },
  gradient: gemmGradient,
});

/** A sum of so many terms or fewer is never cut into blocks. */
const termsInABlock = 128;
/** With more columns than this, each of 64 threads gets more than 64 of them, and blocks are as for one thread. */
const manyColumns = 64 * 64;

/**
 * Whether the rounding of a product [m, k] · [k, n] depends on the number of threads. ONNX Runtime splits a product
 * with more columns than rows by its columns; a sum of k terms is added up in blocks of 128, and of 256 or more where
 * a thread has at most 64 columns (MlasSgemmOperation and MlasGemmBatch in its sgemm.cpp). Products with as many rows
 * as columns are split by rows, which changes nothing. Where m is known only when the graph runs, its caller sees to
 * it that there are enough rows.
 */
function dependsOnThreads([m, k]: Shape, [, n]: Shape): boolean {
  if (typeof m !== 'number' || typeof n !== 'number' || typeof k !== 'number') return false;
  return m < n && n <= manyColumns && k > termsInABlock;
}

function turned(shape: Shape, isTransposed: boolean): Shape {
  return isTransposed ? [...shape].reverse() : shape;
}

export function gemm(
  a: Value,
  b: Value,
  c?: Value,
  options: { transA?: boolean; transB?: boolean; alpha?: number; beta?: number } = {},
): Value {
  const { transA = false, transB = false, alpha = 1, beta = 1 } = options;
  const inputs = c === undefined ? [a, b] : [a, b, c];
  const attributes = { transA: Number(transA), transB: Number(transB), alpha, beta };
  if (dependsOnThreads(turned(a.shape, transA), turned(b.shape, transB)))
    return a.graph.emitComposite(TransposedGemm, inputs, attributes)[0] as Value;
  return a.graph.emitOne(Gemm, inputs, attributes);
}

/**
 * α·(x·Wᵀ + bias) for rows x [n, in] and a weight stored [out, in], as PyTorch does; returns [n, out].
 */
export function linear(x: Value, weight: Value, bias?: Value, alpha = 1): Value {
  return gemm(x, weight, bias, { transB: true, alpha, beta: alpha });
}

/** Σ over the last axis of a·b, for rows. */
export function dotRows(a: Value, b: Value): Value {
  return reduceSum(mul(a, b), [a.shape.length - 1]);
}
