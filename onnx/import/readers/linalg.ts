/** @file Products, read in their fast forms: rows times a matrix, transposes and factors as flags. */
import type { Value } from '../../graph.js';
import { fusedMatmul, gemm, reshape, transpose, unsqueeze, where } from '../../operators/index.js';
import { producerOf } from '../producer.js';
import type { NodeCall, Readers } from '../reader.js';
import { input } from './inputs.js';

/** The operand of a product, whether its last two axes are to be swapped, and the number that it is to be multiplied by. */
export interface Operand {
  readonly value: Value;
  readonly swapped: boolean;
  readonly scale: number;
}

/**
 * A value whose last two axes were swapped by a transpose, or that was multiplied by a number, without either: they
 * become flags of the product. What else the transpose did stays.
 */
export function withoutFlags(value: Value): Operand {
  const { value: plain, scale } = withoutScale(value);
  const node = producerOf(plain);
  const rank = plain.shape.length;
  if (node?.operator.name !== 'Transpose' || rank < 2) return { value: plain, swapped: false, scale };
  const perm = node.attributes['perm'] as readonly number[];
  const swapped = [...perm.slice(0, -2), perm[rank - 1] as number, perm[rank - 2] as number];
  const source = withoutScale(node.inputs[0] as Value);
  const both = scale * source.scale;
  if (swapped.every((axis, i) => axis === i)) return { value: source.value, swapped: true, scale: both };
  // Heads are brought to the front, [B, T, H, d] → [B, H, T, d], and keys turned with them: apart, the two are one
  // transpose that keeps the elements of a head together, and a flag.
  if (perm[rank - 2] === rank - 1) {
    return { value: transpose(source.value, swapped), swapped: true, scale: both };
  }
  if (source.scale === 1) return { value: plain, swapped: false, scale };
  return { value: transpose(source.value, perm), swapped: false, scale: both };
}

/** A value that was multiplied or divided by a number, without that number. */
export function withoutScale(value: Value): { value: Value; scale: number } {
  const node = producerOf(value);
  const [a, b] = (node?.inputs ?? []) as Value[];
  if (a === undefined || b === undefined || a.dtype !== 'float32') return { value, scale: 1 };
  const number = ({ data }: Value) => (data?.length === 1 ? Number(data[0]) : undefined);
  const factor = number(b);
  const found =
    node?.operator.name === 'Mul' && factor !== undefined
      ? { value: a, scale: factor }
      : node?.operator.name === 'Mul' && number(a) !== undefined
        ? { value: b, scale: number(a) as number }
        : node?.operator.name === 'Div' && factor !== undefined
          ? { value: a, scale: 1 / factor }
          : undefined;
  // A product with a number may have more axes than its operand.
  return found === undefined || found.value.shape.length !== value.shape.length ? { value, scale: 1 } : found;
}

/** Rows [N, k] of a value [..., k]. */
export function rowsOf(value: Value): Value {
  return reshape(value, [-1, value.shape.at(-1) as number]);
}

/** x [..., k] · w [k, n], w perhaps swapped, + bias. */
export function rowsTimes(x: Value, w: Operand, bias?: Value): Value {
  const { value, scale } = withoutScale(x);
  const product = gemm(rowsOf(value), w.value, bias, { transB: w.swapped, alpha: scale * w.scale });
  return reshape(product, [...x.shape.slice(0, -1), product.shape[1] as number]);
}

function matMul(call: NodeCall): Value[] {
  const [a, b] = [input(call, 0), input(call, 1)];
  if (a.shape.length === 1 || b.shape.length === 1) return [vectorProduct(a, b)];
  if (b.shape.length === 2) return [rowsTimes(a, withoutFlags(b))];
  return [guardedProduct(a, b) ?? batchedProduct(a, b)];
}

function batchedProduct(a: Value, b: Value): Value {
  const [left, right] = [withoutFlags(a), withoutFlags(b)];
  return fusedMatmul(left.value, right.value, {
    transA: left.swapped,
    transB: right.swapped,
    alpha: left.scale * right.scale,
  });
}

/**
 * Where(rows that count, a, 0) · b as Where(rows that count, a · b, 0): of attention's probabilities [T, T] and its
 * output [T, d] the second is the smaller one.
 */
function guardedProduct(a: Value, b: Value): Value | undefined {
  const node = producerOf(a);
  if (node?.operator.name !== 'Where') return undefined;
  const [condition, kept, zero] = node.inputs as [Value, Value, Value];
  const isPerRow = condition.shape.length === a.shape.length && condition.shape.at(-1) === 1;
  if (!isPerRow || zero.data?.length !== 1 || Number(zero.data[0]) !== 0) return undefined;
  return where(condition, batchedProduct(kept, b), 0);
}

function vectorProduct(a: Value, b: Value): Value {
  const left = a.shape.length === 1 ? unsqueeze(a, 0) : a;
  const right = b.shape.length === 1 ? unsqueeze(b, 1) : b;
  const product = fusedMatmul(left, right);
  const shape = [...product.shape];
  if (b.shape.length === 1) shape.pop();
  if (a.shape.length === 1) shape.splice(b.shape.length === 1 ? -1 : -2, 1);
  return reshape(product, shape);
}

export const linalg: Readers = {
  MatMul: matMul,
  Gemm: (call) => {
    const { attributes } = call;
    const [left, right] = [withoutFlags(input(call, 0)), withoutFlags(input(call, 1))];
    return [
      gemm(left.value, right.value, call.inputs[2], {
        transA: (attributes.int('transA', 0) === 1) !== left.swapped,
        transB: (attributes.int('transB', 0) === 1) !== right.swapped,
        alpha: attributes.float('alpha', 1) * left.scale * right.scale,
        beta: attributes.float('beta', 1),
      }),
    ];
  },
  'com.microsoft:FusedMatMul': (call) => {
    const { attributes } = call;
    const [transA, transB] = [attributes.int('transA', 0) === 1, attributes.int('transB', 0) === 1];
    return [
      fusedMatmul(input(call, 0), input(call, 1), { transA, transB, alpha: attributes.float('alpha', 1) }),
    ];
  },
};
