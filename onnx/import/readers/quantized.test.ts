/** @file Quantised weights: read against ONNX Runtime's kernels; what cannot be trained through says what to take. */
import { afterAll, describe, expect, it } from 'vitest';
import { UserError } from '../../../base/errors.js';
import { closeSessions } from '../../session.js';
import { type DataType, storageLength, sizeOf } from '../../tensor.js';
import { gradientError } from '../../testing/central_differences.js';
import {
  asFunction,
  type FusedAttributes,
  type FusedCall,
  fusedError,
  type FusedInput,
} from '../../testing/fused.js';
import type { Reader } from '../reader.js';
import { quantized } from './quantized.js';

afterAll(closeSessions);

const any = (...shape: number[]): FusedInput => ({ shape });
const packed = (dtype: DataType, ...shape: number[]): FusedInput => {
  const bytes = Uint8Array.from(
    { length: storageLength(dtype, sizeOf(shape)) },
    (_, i) => (i * 37 + 11) % 256,
  );
  const data = dtype === 'int8' ? new Int8Array(bytes.buffer) : bytes;
  return { shape, dtype, data, constant: dtype === 'uint4' };
};
const halves = (...shape: number[]): FusedInput => ({
  shape,
  dtype: 'float16',
  values: Array.from({ length: sizeOf(shape) }, (_, i) => ((i % 5) + 1) / 16),
});
const reader = ({ domain, type }: FusedCall) =>
  quantized[domain === undefined ? type : `${domain}:${type}`] as Reader;
const call = (
  type: string,
  inputs: (FusedInput | undefined)[],
  attributes?: FusedAttributes,
  domain?: string,
): FusedCall => ({
  type,
  opset: domain === undefined ? 21 : 1,
  inputs,
  attributes,
  ...(domain === undefined ? {} : { domain }),
});
const microsoft = (type: string, inputs: (FusedInput | undefined)[], attributes?: FusedAttributes) =>
  call(type, inputs, attributes, 'com.microsoft');

/** 3 outputs of 64 inputs, in blocks of 16. */
const sizes = { K: 64, N: 3, bits: 4, block_size: 16 };
const [x, b, scales] = [any(2, 5, 64), packed('uint8', 3, 4, 8), any(12)];
const none = undefined;

describe('are read as they are', () => {
  it.each<[string, FusedCall]>([
    ['MatMulNBits', microsoft('MatMulNBits', [x, b, scales], sizes)],
    ['scales as a matrix', microsoft('MatMulNBits', [x, b, any(3, 4)], sizes)],
    ['zero points', microsoft('MatMulNBits', [x, b, scales, packed('uint8', 6)], sizes)],
    ['zero points that are numbers', microsoft('MatMulNBits', [x, b, scales, any(12)], sizes)],
    ['a bias', microsoft('MatMulNBits', [x, b, scales, none, none, any(3)], sizes)],
    ['eight bits', microsoft('MatMulNBits', [x, packed('uint8', 3, 4, 16), scales], { ...sizes, bits: 8 })],
    ['DequantizeLinear', call('DequantizeLinear', [packed('uint8', 4, 3), any(), packed('uint8')])],
    ['DequantizeLinear of columns', call('DequantizeLinear', [packed('int8', 4, 3), any(3)], { axis: -1 })],
    [
      'DequantizeLinear of blocks',
      call('DequantizeLinear', [packed('uint4', 4, 32), any(4, 2), packed('uint4', 4, 2)], {
        axis: 1,
        block_size: 16,
      }),
    ],
    [
      'rows of a table',
      microsoft(
        'GatherBlockQuantized',
        [packed('uint4', 6, 32), { shape: [2, 2], dtype: 'int64', values: [5, 0, 1, 5] }, any(6, 2)],
        {
          gather_axis: 0,
          quantize_axis: 1,
          block_size: 16,
        },
      ),
    ],
    [
      'rows of a table in bytes',
      microsoft(
        'GatherBlockQuantized',
        [
          packed('uint8', 6, 16),
          { shape: [3], dtype: 'int64', values: [5, 0, 1] },
          any(6, 2),
          packed('uint8', 6, 1),
        ],
        {
          gather_axis: 0,
          quantize_axis: 1,
          block_size: 16,
          bits: 4,
        },
      ),
    ],
  ])('%s', async (_what, given) => {
    expect(await fusedError(reader(given), given)).toBeLessThan(1e-5);
  });

  it('scales of 16 bits are computed with as of 32', async () => {
    const given = call('DequantizeLinear', [packed('int8', 4, 3), halves(3)]);
    const same = call('DequantizeLinear', [
      packed('int8', 4, 3),
      { shape: [3], values: [1 / 16, 2 / 16, 3 / 16] },
    ]);
    expect(await fusedError(reader(given), given, same)).toBe(0);
  });

  it('activations train through them', async () => {
    const given = microsoft(
      'MatMulNBits',
      [any(2, 64), b, { ...scales, constant: true }, packed('uint8', 6)],
      sizes,
    );
    const { build, specs } = asFunction(reader(given), given);
    expect(await gradientError(build, specs, 'float32')).toBeLessThan(1);
  });
});

describe('are refused', () => {
  it('weights in another order, saying how they come about', async () => {
    const order: FusedInput = { shape: [64], dtype: 'int32', values: Array<number>(64).fill(0) };
    const given = microsoft('MatMulNBits', [x, b, scales, none, order], sizes);
    await expect(fusedError(reader(given), given)).rejects.toThrow('g_idx');
  });

  it.each(['MatMulInteger', 'DynamicQuantizeLinear', 'QuantizeLinear'])(
    '%s, naming files that train',
    async (type) => {
      const given = call(type, [packed('uint8', 2, 2), packed('uint8', 2, 2)]);
      await expect(fusedError(reader(given), given)).rejects.toThrow(UserError);
      await expect(fusedError(reader(given), given)).rejects.toThrow(
        'take the fp32 or fp16 file of the model, or the 4-bit one',
      );
    },
  );
});
