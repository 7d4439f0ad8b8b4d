/** @file Fused activations, products and sums against ONNX Runtime's kernels. */
import { afterAll, describe, expect, it } from 'vitest';
import { closeSessions } from '../../session.js';
import { gradientError } from '../../testing/central_differences.js';
import {
  asFunction,
  type FusedAttributes,
  type FusedCall,
  fusedError,
  type FusedInput,
} from '../../testing/fused.js';
import type { Reader } from '../reader.js';
import { activation } from './activation.js';

afterAll(closeSessions);

const any = (...shape: number[]): FusedInput => ({ shape, between: [-2, 2] });
const reader = ({ type }: FusedCall) => activation[`com.microsoft:${type}`] as Reader;
const call = (type: string, inputs: FusedInput[], attributes?: FusedAttributes): FusedCall => ({
  type,
  domain: 'com.microsoft',
  inputs,
  attributes,
});
const [x, bias] = [any(2, 3, 8), any(8)];
const matrices = [any(3, 4), any(4, 5), any(5)];

const calls: [string, FusedCall][] = [
  ['Gelu', call('Gelu', [x])],
  ['FastGelu', call('FastGelu', [x])],
  ['FastGelu with a bias', call('FastGelu', [x, bias])],
  ['BiasGelu', call('BiasGelu', [x, bias])],
  ['QuickGelu', call('QuickGelu', [x])],
  ['QuickGelu as SiLU', call('QuickGelu', [x], { alpha: { float: 1 } })],
  ...['Relu', 'Tanh', 'Sigmoid', 'LeakyRelu'].map((name): [string, FusedCall] => [
    `FusedGemm with ${name}`,
    call('FusedGemm', matrices, {
      activation: name,
      activation_alpha: { float: 0.1 },
      alpha: { float: 0.5 },
      beta: { float: 2 },
    }),
  ]),
  [
    'FusedGemm, transposed',
    call('FusedGemm', [any(4, 3), any(5, 4), any(5)], { transA: 1, transB: 1, activation: 'Tanh' }),
  ],
];

describe('are read as plain operators', () => {
  it.each(calls)('%s', async (_what, given) => {
    // FastGelu's kernel approximates tanh.
    expect(await fusedError(reader(given), given)).toBeLessThan(1e-5);
  });

  it('BiasAdd, which has no kernel on the CPU, is a sum', async () => {
    const given = call('BiasAdd', [any(2, 3, 4), any(4), any(2, 3, 4)]);
    const { build, specs } = asFunction(reader(given), given);
    expect(await gradientError(build, specs)).toBeLessThan(1);
  });

  it('an activation that is not known is refused with those that are', async () => {
    const given = call('FusedGemm', matrices, { activation: 'Softsign' });
    await expect(fusedError(reader(given), given)).rejects.toThrow(
      'activation Softsign is not read: expected Relu',
    );
  });
});

describe('are differentiated', () => {
  it.each(calls)('%s', async (_what, given) => {
    const { build, specs } = asFunction(reader(given), given);
    expect(await gradientError(build, specs, 'float32')).toBeLessThan(1);
  });
});
