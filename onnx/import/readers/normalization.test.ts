/** @file Fused normalizations against ONNX Runtime's kernels. */
import { afterAll, describe, expect, it } from 'vitest';
import { closeSessions } from '../../session.js';
import { gradientError } from '../../testing/central_differences.js';
import { asFunction, type FusedCall, fusedError, type FusedInput } from '../../testing/fused.js';
import type { Reader } from '../reader.js';
import { normalization } from './normalization.js';

afterAll(closeSessions);

const any = (...shape: number[]): FusedInput => ({ shape });
const int32 = (shape: number[], values: number[]): FusedInput => ({ shape, dtype: 'int32', values });
const none = undefined;
const [B, S, D] = [2, 3, 8];
const [x, row] = [any(B, S, D), any(D)];
const epsilon = { epsilon: { float: 1e-3 } };

const reader = ({ domain, type }: FusedCall) =>
  normalization[domain === undefined ? type : `${domain}:${type}`] as Reader;
const call = (
  type: string,
  inputs: (FusedInput | undefined)[],
  outputs?: number[],
  attributes?: FusedCall['attributes'],
): FusedCall => ({ type, domain: 'com.microsoft', inputs, outputs, attributes });

const skip = 'SkipLayerNormalization';
const simplified = 'SkipSimplifiedLayerNormalization';
const tokens = int32([B, S], [0, 4, 2, 1, 1, 3]);
const segments = int32([B, S], [0, 1, 1, 0, 0, 1]);
const mask = int32([B, S], [1, 1, 0, 1, 1, 1]);
const tables = [any(5, D), any(6, D), any(2, D), row, row];
const embed = (...inputs: (FusedInput | undefined)[]) =>
  call('EmbedLayerNormalization', inputs, [0, 1], epsilon);

describe('are read as plain operators', () => {
  it.each<[string, FusedCall]>([
    ['a sum', call(skip, [x, x, row, row], [0, 3], epsilon)],
    ['a sum without bias of the norm', call(skip, [x, x, row])],
    ['a sum with a bias', call(skip, [x, x, row, row, row], [0, 3])],
    ['a skip for all rows', call(skip, [x, any(1, S, D), row, row])],
    ['a skip without rows', call(skip, [x, any(S, D), row, row])],
    ['root mean squares of a sum', call(simplified, [x, x, row], [0, 3], epsilon)],
    ['root mean squares of a sum with a bias', call(simplified, [x, x, row, row], [0, 3])],
    [
      'root mean squares, in the domain of ONNX',
      {
        type: 'SimplifiedLayerNormalization',
        opset: 17,
        inputs: [x, row],
        attributes: { axis: -1, stash_type: 1, ...epsilon },
      },
    ],
    ['embeddings, no segments', embed(tokens, none, tables[0], tables[1], none, row, row)],
    ['embeddings', embed(tokens, segments, ...tables)],
    ['embeddings, lengths from a mask', embed(tokens, segments, ...tables, mask)],
    ['embeddings at positions', embed(tokens, segments, ...tables, none, int32([B, S], [5, 4, 3, 0, 1, 2]))],
    ['embeddings and their sum', call('EmbedLayerNormalization', [tokens, segments, ...tables], [0, 2])],
  ])('%s', async (_what, given) => {
    expect(await fusedError(reader(given), given)).toBeLessThan(1e-5);
  });
});

describe('are differentiated', () => {
  it.each<[string, FusedCall, number]>([
    ['a sum with a bias', call(skip, [any(2, 4), any(2, 4), any(4), any(4), any(4)], [0, 3], epsilon), 0],
    ['root mean squares', call(simplified, [any(2, 4), any(2, 4), any(4), any(4)], [0, 3], epsilon), 0],
    ['embeddings', embed(tokens, segments, ...tables), 0],
  ])('%s', async (_what, given, output) => {
    // LayerNormalization's statistics are float32 whatever goes in.
    const { build, specs } = asFunction(reader(given), { ...given, outputs: [output] });
    expect(await gradientError(build, specs, 'float32')).toBeLessThan(1);
  });
});

it('statistics that somebody wants are refused', async () => {
  const given = call(simplified, [x, x, row], [0, 1]);
  await expect(fusedError(reader(given), given)).rejects.toThrow('the statistics that a Skip');
});
