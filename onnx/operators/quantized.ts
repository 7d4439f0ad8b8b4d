/** @file Frozen weights of four and eight bits: products with them, rows of them, and what they stand for. */
import type { Value } from '../graph.js';
import { dimAt, normalizeAxis, type Shape, ShapeError, shapeText, staticShape } from '../shape.js';
import { type DataType, isFloat, sizeOf } from '../tensor.js';
import { forwardOnly, need, NoGradient, operator } from './define.js';
import { mul, sub } from './elementwise.js';
import { gemm, matrixProductShape } from './linalg.js';
import { lessOrEqual, where } from './logic.js';
import { expand, sumLeading } from './movement.js';
import { reshape, unsqueeze } from './reshape.js';
import { slice } from './slice.js';

const frozen = forwardOnly(
  'quantised weights do not train: train an adapter (LoRA), or the fp32 or fp16 file',
);

type Dequantized = { axis: number; block_size: number };

/**
 * (x − zero point) · scale for x of integers: one scale for all, one a position of `axis`, or one for each
 * `block_size` neighbours along `axis`. ONNX Runtime does not fold it, so that weights stay packed in memory.
 */
export const DequantizeLinear = operator<Dequantized>({
  name: 'DequantizeLinear',
  attributes: { axis: 'int', block_size: 'int' },
  defaults: { axis: 1, block_size: 0 },
  infer: ({ inputs, attributes: { axis, block_size: size } }) => {
    const [x, scale, zero] = [need(inputs, 0), need(inputs, 1), inputs[2]];
    if (isFloat(x.dtype)) throw new ShapeError(`${x.dtype} is not quantised`);
    if (zero !== undefined && zero.dtype !== x.dtype) {
      throw new ShapeError(`zero points of ${zero.dtype} do not go with elements of ${x.dtype}`);
    }
    if (size > 0) {
      const at = normalizeAxis(axis, x.shape.length);
      const blocks = Math.ceil(Number(dimAt(x.shape, at)) / size);
      const expected = x.shape.map((dim, i) => (i === at ? blocks : dim));
      if (scale.shape.join() !== expected.join()) {
        throw new ShapeError(
          `scales ${shapeText(scale.shape)} are not one for each ${size} elements: ${shapeText(expected)}`,
        );
      }
    }
    return [{ dtype: scale.dtype, shape: x.shape }];
  },
  gradient: frozen,
});

export function dequantizeLinear(
  x: Value,
  scale: Value,
  zero?: Value,
  { axis = 1, block = 0 }: { axis?: number; block?: number } = {},
): Value {
  const inputs = zero === undefined ? [x, scale] : [x, scale, zero];
  return x.graph.emitOne(DequantizeLinear, inputs, { axis, block_size: block });
}

/** What a product with packed weights says about them: [N, K], in blocks of `block_size` along K. */
export type Packing = { K: number; N: number; bits: number; block_size: number };

/**
 * A · Wᵀ + bias for frozen W [N, K] of four or eight bits (com.microsoft). Inputs: A […, K], the packed W, scales, and
 * if given zero points, order of rows (refused), bias [N]. The gradient for A is a product with W dequantised from the
 * very same bytes.
 */
export const MatMulNBits = operator<Packing>({
  name: 'MatMulNBits',
  domain: 'com.microsoft',
  attributes: { K: 'int', N: 'int', bits: 'int', block_size: 'int' },
  defaults: { bits: 4 },
  infer: ({ inputs, attributes: { K, N, bits, block_size: size } }) => {
    const [a, packed, scales, bias] = [need(inputs, 0), need(inputs, 1), need(inputs, 2), inputs[5]];
    if (a.shape.at(-1) !== K) throw new ShapeError(`rows of ${shapeText(a.shape)} are not of ${K} elements`);
    const blocks = Math.ceil(K / size);
    expectSize(packed, N * blocks * Math.ceil((size * bits) / 8), 'packed weights');
    expectSize(scales, N * blocks, 'scales');
    if (inputs[4] !== undefined) throw new ShapeError('weights in another order (g_idx) are not multiplied');
    if (bias !== undefined) expectSize(bias, N, 'a bias');
    return [{ dtype: a.dtype, shape: [...a.shape.slice(0, -1), N] }];
  },
  gradient: ({ inputs, gradients, attributes, wanted }) => {
    const [a, dy] = [need(inputs, 0), need(gradients, 0)];
    const da = () => {
      const rows = reshape(dy, [-1, attributes.N]);
      const [, packed, scales, zeros] = inputs;
      const weights = unpackWeights([a, packed, whenThereIs(rows, need([scales], 0)), zeros], attributes);
      return reshape(gemm(rows, weights), a.shape);
    };
    if (wanted[2] === true || wanted[3] === true) throw new NoGradient(frozen.wayOut);
    return [
      wanted[0] ? da() : undefined,
      undefined,
      undefined,
      undefined,
      undefined,
      wanted[5] ? sumLeading(dy) : undefined,
    ];
  },
});

/**
 * The value itself, but not before `rows` are there. What depends on nothing that is fed ONNX Runtime computes first:
 * the weights of all layers would be dequantised at once, and be in memory together.
 */
function whenThereIs(rows: Value, value: Value): Value {
  const first = reshape(slice(slice(rows, 0, 0, 1), 1, 0, 1), [1]);
  return where(lessOrEqual(first, first), value, value);
}

function expectSize(x: Value, size: number, what: string): void {
  const given = sizeOf(staticShape(x.shape, what));
  if (given !== size)
    throw new ShapeError(`${what} ${shapeText(x.shape)}: ${given} elements instead of ${size}`);
}

const integers: Readonly<Record<number, DataType>> = { 4: 'uint4', 8: 'uint8' };

/**
 * The weights [N, K] of a {@link MatMulNBits}: its packed bytes, taken as integers of four or eight bits.
 *
 * @throws NoGradient for weights of other widths, which ONNX Runtime cannot dequantise
 */
export function unpackWeights(
  [, packed, scales, zeros]: readonly (Value | undefined)[],
  { K, N, bits, block_size: size }: Packing,
): Value {
  const dtype = integers[bits];
  if (dtype === undefined || packed === undefined || scales === undefined) {
    throw new NoGradient(`weights of ${bits} bits cannot be differentiated through: quantise to 4 or 8 bits`);
  }
  const { graph } = packed;
  if (packed.data === undefined && packed.stored === undefined && !graph.inputs.includes(packed)) {
    throw new NoGradient(
      'its packed weights are put together while the graph runs: store them as one tensor',
    );
  }
  const blocks = Math.ceil(K / size);
  const elements = graph.view(packed, dtype, [N, blocks * size]);
  const scale = reshape(scales, [N, blocks]);
  const options = { axis: 1, block: size };
  const weights = () => {
    if (zeros !== undefined && isFloat(zeros.dtype)) return shifted(reshape(zeros, [N, blocks]));
    if (zeros === undefined) {
      const middle = graph.constant(
        dtype,
        [N, blocks],
        new Uint8Array(Math.ceil((N * blocks * bits) / 8)).fill(bits === 4 ? 0x88 : 0x80),
      );
      return dequantizeLinear(elements, scale, middle, options);
    }
    const whole = Math.ceil((blocks * bits) / 8) * (8 / bits);
    const zero = graph.view(zeros, dtype, [N, whole]);
    if (whole === blocks) return dequantizeLinear(elements, scale, zero, options);
    // Rows of an odd number of zero points end in half a byte, which only packing as a matrix leaves out.
    return shifted(slice(dequantizeLinear(zero, graph.scalar(1, scale.dtype)), 1, 0, blocks));
  };
  /** x·scale − zero·scale, for zero points that are numbers. */
  const shifted = (zero: Value) => {
    const offset = expand(unsqueeze(mul(zero, scale), 2), [N, blocks, size]);
    return sub(dequantizeLinear(elements, scale, undefined, options), reshape(offset, [N, blocks * size]));
  };
  return slice(weights(), 1, 0, K);
}

type Gathered = { gather_axis: number; quantize_axis: number; block_size: number; bits: number };

/** Rows of a frozen table of four or eight bits, dequantised as they are taken (com.microsoft). */
export const GatherBlockQuantized = operator<Gathered>({
  name: 'GatherBlockQuantized',
  domain: 'com.microsoft',
  attributes: { gather_axis: 'int', quantize_axis: 'int', block_size: 'int', bits: 'int' },
  defaults: { gather_axis: 0, quantize_axis: 1, block_size: 128, bits: 4 },
  infer: ({ inputs, attributes }) => {
    const [table, indices, scales] = [need(inputs, 0), need(inputs, 1), need(inputs, 2)];
    const at = normalizeAxis(attributes.gather_axis, table.shape.length);
    // Bytes hold two elements each where four bits are meant.
    const packed = table.dtype === 'uint8' && attributes.bits === 4 ? 2 : 1;
    const last = table.shape.length - 1;
    const shape: Shape = table.shape.map((dim, i) => (i === last ? Number(dim) * packed : dim));
    return [
      { dtype: scales.dtype, shape: [...shape.slice(0, at), ...indices.shape, ...shape.slice(at + 1)] },
    ];
  },
  gradient: frozen,
});

/** A · B of integers of eight bits, from which zero points are subtracted first. */
export const MatMulInteger = operator({
  name: 'MatMulInteger',
  infer: ({ inputs }) => {
    const [a, b] = [need(inputs, 0), need(inputs, 1)];
    for (const { dtype } of [a, b]) {
      if (dtype !== 'uint8' && dtype !== 'int8') throw new ShapeError(`${dtype} is no integer of eight bits`);
    }
    return [{ dtype: 'int32', shape: matrixProductShape(a.shape, b.shape) }];
  },
  gradient: frozen,
});
