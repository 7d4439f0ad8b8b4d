/** @file Matrix products. */
import type { GradientCall, Value } from '../graph.js';
import { broadcast, type Dim, dimAt, type Shape, ShapeError, shapeText } from '../shape.js';
import { composite, need, operator, sameType } from './define.js';
import { add, mul } from './elementwise.js';
import { unbroadcast } from './pointwise.js';
import { reduceSum } from './reduction.js';
import { transpose } from './movement.js';
import { reshape } from './reshape.js';

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

/** Vectors as matrices of one row on the left and of one column on the right. */
function asMatrices(a: Shape, b: Shape): { a: Shape; b: Shape } {
  return { a: a.length === 1 ? [1, ...a] : a, b: b.length === 1 ? [...b, 1] : b };
}

/** The shape of numpy's A·B: a vector is a row on the left, a column on the right, and is gone from the result. */
export function matrixProductShape(a: Shape, b: Shape): Shape {
  const matrices = asMatrices(a, b);
  const shape = productShape(matrices.a, matrices.b, false, false);
  const row = a.length === 1 ? shape.length - 2 : undefined;
  const column = b.length === 1 ? shape.length - 1 : undefined;
  return shape.filter((_, axis) => axis !== row && axis !== column);
}

/** A·B over the last two axes, the others broadcast; vectors as in numpy. */
export const MatMul = operator({
  name: 'MatMul',
  infer: ({ inputs }) => [
    {
      dtype: sameType(inputs, 0, 1),
      shape: matrixProductShape(need(inputs, 0).shape, need(inputs, 1).shape),
    },
  ],
  gradient: ({ inputs, gradients, wanted }) => {
    const matrices = asMatrices(need(inputs, 0).shape, need(inputs, 1).shape);
    const [a, b] = [reshape(need(inputs, 0), matrices.a), reshape(need(inputs, 1), matrices.b)];
    const dy = reshape(need(gradients, 0), productShape(a.shape, b.shape, false, false));
    const [da, db] = b.shape.length === 2 ? rowsGradient(a, b, dy, wanted) : batchGradient(a, b, dy, wanted);
    return [
      da === undefined ? undefined : reshape(da, need(inputs, 0).shape),
      db === undefined ? undefined : reshape(db, need(inputs, 1).shape),
    ];
  },
});

function batchGradient(a: Value, b: Value, dy: Value, wanted: readonly boolean[]) {
  return [
    wanted[0] ? unbroadcast(matmul(dy, swapLast(b)), a) : undefined,
    wanted[1] ? unbroadcast(matmul(swapLast(a), dy), b) : undefined,
  ];
}

/** One matrix on the right: its gradient as one product over all rows, not as a sum over products. */
function rowsGradient(a: Value, b: Value, dy: Value, wanted: readonly boolean[]) {
  const rows = (x: Value) => reshape(x, [-1, dimAt(x.shape, -1)]);
  return [
    wanted[0] ? reshape(gemm(rows(dy), b, undefined, { transB: true }), a.shape) : undefined,
    wanted[1] ? gemm(rows(a), rows(dy), undefined, { transA: true }) : undefined,
  ];
}

function swapLast(x: Value): Value {
  const axes = x.shape.map((_, axis) => axis);
  return transpose(x, [...axes.slice(0, -2), x.shape.length - 1, x.shape.length - 2]);
}

/** A·B over the last two axes, the others broadcast; vectors as in numpy. */
export function matmul(a: Value, b: Value): Value {
  if (batchDependsOnThreads(a.shape, b.shape, false, false)) {
    return a.graph.emitComposite(TransposedMatMul, [a, b], { transA: 0, transB: 0, alpha: 1 })[0] as Value;
  }
  return a.graph.emitOne(MatMul, [a, b], {});
}

type Fused = { transA: number; transB: number; alpha: number };
const fusedKinds = { transA: 'int', transB: 'int', alpha: 'float' } as const;

/** α·A·B with either transposed in its last two axes, without the transpose being carried out. */
export const FusedMatMul = operator<Fused>({
  name: 'FusedMatMul',
  domain: 'com.microsoft',
  attributes: fusedKinds,
  defaults: { transA: 0, transB: 0, alpha: 1 },
  infer: ({ inputs, attributes: { transA, transB } }) => [
    {
      dtype: sameType(inputs, 0, 1),
      shape: productShape(need(inputs, 0).shape, need(inputs, 1).shape, transA === 1, transB === 1),
    },
  ],
  gradient: fusedGradient,
});

function fusedGradient({ inputs, gradients, attributes, wanted }: GradientCall<Fused>) {
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
}

export function fusedMatmul(
  a: Value,
  b: Value,
  { transA = false, transB = false, alpha = 1 }: { transA?: boolean; transB?: boolean; alpha?: number } = {},
): Value {
  const attributes = { transA: Number(transA), transB: Number(transB), alpha };
  if (batchDependsOnThreads(a.shape, b.shape, transA, transB)) {
    return a.graph.emitComposite(TransposedMatMul, [a, b], attributes)[0] as Value;
  }
  return a.graph.emitOne(FusedMatMul, [a, b], attributes);
}

/** {@link FusedMatMul} computed as the transpose of its transpose, so that it is split among threads by its columns. */
export const TransposedMatMul = composite<Fused>({
  name: 'TransposedMatMul',
  attributes: fusedKinds,
  expand: ({ inputs, attributes: { transA, transB, alpha } }) => {
    const [a, b] = [need(inputs, 0), need(inputs, 1)];
    const turned = { transA: 1 - transB, transB: 1 - transA, alpha };
    return [swapLast(a.graph.emitOne(FusedMatMul, [b, a], turned))];
  },
  gradient: fusedGradient,
});

type GemmAttributes = { transA: number; transB: number; alpha: number; beta: number };

/** α·A·B + β·C for matrices, either transposed, C broadcast: the fastest form of a linear layer on a CPU. */
export const Gemm = operator<GemmAttributes>({
  name: 'Gemm',
  attributes: { transA: 'int', transB: 'int', alpha: 'float', beta: 'float' },
  defaults: { transA: 0, transB: 0, alpha: 1, beta: 1 },
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

/** ONNX Runtime starts another thread for every so many multiplications (MLAS_SGEMM_THREAD_COMPLEXITY). */
const multiplicationsPerThread = 65536;
/** Threads that are reckoned with; see {@link manyColumns}. */
const manyThreads = 64;

/** {@link dependsOnThreads} of products over the last two axes: threads share one only where there are more threads than products. */
function batchDependsOnThreads(a: Shape, b: Shape, transA: boolean, transB: boolean): boolean {
  if (a.length < 2 || b.length < 2) return false;
  const [[rows, inner], right] = [turned(a.slice(-2), transA), turned(b.slice(-2), transB)] as [Dim[], Dim[]];
  const batch = broadcast(a.slice(0, -2), b.slice(0, -2)).reduce<number>(
    (count, dim) => count * Number(dim),
    1,
  );
  // With one matrix on the right, ONNX Runtime takes all rows on the left as those of one matrix.
  const isOneProduct = b.slice(0, -2).every((dim) => dim === 1) && !transA;
  const left: Shape = [isOneProduct && typeof rows === 'number' ? rows * batch : (rows as Dim), inner as Dim];
  const products = isOneProduct ? 1 : batch;
  if (!dependsOnThreads(left, right)) return false;
  const multiplications = Number(left[0]) * Number(inner) * Number(right[1]) * products;
  return Math.min(manyThreads, Math.floor(multiplications / multiplicationsPerThread) + 1) > products;
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
