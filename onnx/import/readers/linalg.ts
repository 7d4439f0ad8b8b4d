/** @file Products, read in their fast forms: rows times a matrix, transposes as flags. */
import type { Value } from '../../graph.js';
import { fusedMatmul, gemm, reshape, transpose, unsqueeze } from '../../operators/index.js';
import { producerOf } from '../producer.js';
import type { NodeCall, Readers } from '../reader.js';
import { input } from './inputs.js';

/** The operand of a product and whether its last two axes are to be swapped. */
export interface Operand {
  readonly value: Value;
  readonly swapped: boolean;
}

/**
 * A value whose last two axes were swapped by a transpose, without that transpose: it becomes a flag of the product.
 * What else the transpose did stays.
 */
export function withoutSwap(value: Value): Operand {
  const node = producerOf(value);
  const rank = value.shape.length;
  if (node?.operator.name !== 'Transpose' || rank < 2) return { value, swapped: false };
  const perm = [...(node.attributes.perm as readonly number[])];
  const swapped = [...perm.slice(0, -2), perm[rank - 1] as number, perm[rank - 2] as number];
  const source = node.inputs[0] as Value;
  if (swapped.every((axis, i) => axis === i)) return { value: source, swapped: true };
  // Heads are brought to the front, [B, T, H, d] → [B, H, T, d], and keys turned with them: apart, the two are one
  // transpose that keeps the elements of a head together, and a flag.
  if (perm[rank - 2] === rank - 1) return { value: transpose(source, swapped), swapped: true };
  return { value, swapped: false };
}

/** Rows [N, k] of a value [..., k]. */
export function rowsOf(value: Value): Value {
  return reshape(value, [-1, value.shape.at(-1) as number]);
}

/** x [..., k] · w [k, n], w perhaps swapped, + bias. */
export function rowsTimes(x: Value, w: Operand, bias?: Value): Value {
  const product = gemm(rowsOf(x), w.value, bias, { transB: w.swapped });
  return reshape(product, [...x.shape.slice(0, -1), product.shape[1] as number]);
}

function matMul(call: NodeCall): Value[] {
  const [a, b] = [input(call, 0), input(call, 1)];
  if (a.shape.length === 1 || b.shape.length === 1) return [vectorProduct(a, b)];
  if (b.shape.length === 2) return [rowsTimes(a, withoutSwap(b))];
  const [left, right] = [withoutSwap(a), withoutSwap(b)];
  return [fusedMatmul(left.value, right.value, { transA: left.swapped, transB: right.swapped })];
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
    const [left, right] = [withoutSwap(input(call, 0)), withoutSwap(input(call, 1))];
    return [
      gemm(left.value, right.value, call.inputs[2], {
        transA: (attributes.int('transA', 0) === 1) !== left.swapped,
        transB: (attributes.int('transB', 0) === 1) !== right.swapped,
        alpha: attributes.float('alpha', 1),
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
