/** @file Rotary embeddings against ONNX Runtime's kernels. */
import { afterAll, describe, expect, it } from 'vitest';
import { closeSessions } from '../../session.js';
import { gradientError } from '../../testing/central_differences.js';
import { asFunction, type FusedCall, fusedError, type FusedInput } from '../../testing/fused.js';
import type { Reader } from '../reader.js';
import { rotary } from './rotary.js';

afterAll(closeSessions);

const any = (...shape: number[]): FusedInput => ({ shape });
const at = (shape: number[], values: number[]): FusedInput => ({ shape, dtype: 'int64', values });
/** Batch, length, heads, size of a head. */
const [B, S, H, D] = [2, 3, 4, 8];
const [rows, heads] = [any(B, S, H * D), any(B, H, S, D)];
const [first, everywhere] = [at([1], [2]), at([B, S], [0, 1, 2, 4, 3, 9])];

const microsoft = (inputs: FusedInput[], attributes: FusedCall['attributes'] = {}): FusedCall => ({
  type: 'RotaryEmbedding',
  domain: 'com.microsoft',
  inputs,
  attributes,
});
const onnx = (inputs: FusedInput[], attributes: FusedCall['attributes'] = {}): FusedCall => ({
  type: 'RotaryEmbedding',
  inputs,
  attributes,
});
const cache = (width = D / 2) => [any(10, width), any(10, width)] as [FusedInput, FusedInput];
const angles = (width = D / 2) => [any(B, S, width), any(B, S, width)] as [FusedInput, FusedInput];
const reader = ({ domain, type }: FusedCall) =>
  rotary[domain === undefined ? type : `${domain}:${type}`] as Reader;

describe('RotaryEmbedding of com.microsoft', () => {
  it.each<[string, FusedCall]>([
    ['rows, from a position on', microsoft([rows, first, ...cache()])],
    ['rows, at positions', microsoft([rows, everywhere, ...cache()])],
    ['heads, from a position on', microsoft([heads, first, ...cache()])],
    ['heads, at positions', microsoft([heads, everywhere, ...cache()])],
    ['neighbours in pairs', microsoft([rows, everywhere, ...cache()], { interleaved: 1 })],
    ['part of each head', microsoft([rows, first, ...cache(2)], { num_heads: H, rotary_embedding_dim: 4 })],
    [
      'part of each head, neighbours in pairs',
      microsoft([heads, everywhere, ...cache(2)], { num_heads: H, rotary_embedding_dim: 4, interleaved: 1 }),
    ],
  ])('%s', async (_what, call) => {
    expect(await fusedError(reader(call), call)).toBeLessThan(1e-6);
  });
});

describe('RotaryEmbedding of ONNX', () => {
  it.each<[string, FusedCall]>([
    ['heads, angles per token', onnx([heads, ...angles()])],
    ['heads, at positions', onnx([heads, ...cache(), everywhere])],
    ['rows, angles per token', onnx([rows, ...angles()], { num_heads: H })],
    ['rows, at positions', onnx([rows, ...cache(), everywhere], { num_heads: H })],
    ['neighbours in pairs', onnx([heads, ...angles()], { interleaved: 1 })],
    ['part of each head', onnx([heads, ...angles(2)], { rotary_embedding_dim: 4 })],
    [
      'part of each head, neighbours in pairs',
      onnx([rows, ...cache(2), everywhere], { num_heads: H, rotary_embedding_dim: 4, interleaved: 1 }),
    ],
  ])('%s', async (_what, call) => {
    expect(await fusedError(reader(call), call)).toBeLessThan(1e-6);
  });
});

it.each<[string, FusedCall]>([
  ['halves', onnx([any(1, 2, 2, 4), any(1, 2, 2), any(1, 2, 2)])],
  [
    'part of each head, neighbours in pairs',
    microsoft([any(1, 2, 12), at([1], [1]), any(4, 1), any(4, 1)], {
      num_heads: 2,
      rotary_embedding_dim: 2,
      interleaved: 1,
    }),
  ],
])('is differentiated by its input and its angles: %s', async (_what, call) => {
  const { build, specs } = asFunction(reader(call), call);
  expect(await gradientError(build, specs)).toBeLessThan(1);
});

it('refuses angles for more than a head has, naming both', async () => {
  const call = onnx([heads, ...angles(D)]);
  await expect(fusedError(reader(call), call)).rejects.toThrow(
    'angles for 16 elements do not go with heads of 8',
  );
});
