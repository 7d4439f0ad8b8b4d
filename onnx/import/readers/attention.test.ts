/** @file Fused attentions against what ONNX Runtime's kernels make of the same inputs. */
import { afterAll, describe, expect, it } from 'vitest';
import { differentiate } from '../../differentiate.js';
import { evaluate } from '../../evaluate.js';
import { Graph, type Value } from '../../graph.js';
import { reduceSum } from '../../operators/index.js';
import { closeSessions } from '../../session.js';
import { type HostTensor, sizeOf } from '../../tensor.js';
import { gradientError } from '../../testing/central_differences.js';
import {
  asFunction,
  type FusedAttributes,
  type FusedCall,
  fusedError,
  type FusedInput,
  runBoth,
} from '../../testing/fused.js';
import type { Reader } from '../reader.js';
import { attention } from './attention.js';

afterAll(closeSessions);

const tolerance = 1e-5;
const any = (...shape: number[]): FusedInput => ({ shape });
const int32 = (shape: number[], values: number[], constant = false): FusedInput => ({
  shape,
  dtype: 'int32',
  values,
  constant,
});
const reader = (type: string) => attention[type] as Reader;

/** Batch, queries, keys, heads, heads of keys, size of a head. */
const [B, S, T, H, K, D] = [2, 5, 7, 4, 2, 16];

const check = (name: string, cases: [string, FusedCall][], gradients: [string, FusedCall, number?][]) => {
  it.each(cases)(`${name}: %s`, async (_what, call) => {
    const key = call.domain === undefined ? call.type : `${call.domain}:${call.type}`;
    expect(await fusedError(reader(key), call)).toBeLessThan(tolerance);
  });
  it.each(gradients)(`${name}, its gradient: %s`, async (_what, call, output) => {
    const key = call.domain === undefined ? call.type : `${call.domain}:${call.type}`;
    const { build, specs } = asFunction(reader(key), call, output);
    expect(await gradientError(build, specs)).toBeLessThan(1);
  });
};

describe('com.microsoft.Attention', () => {
  const width = H * D;
  const [x, w, b] = [any(B, S, width), any(width, 3 * width), any(3 * width)];
  const call = (
    inputs: (FusedInput | undefined)[],
    attributes: FusedAttributes = {},
    outputs = [0],
  ): FusedCall => ({
    type: 'Attention',
    domain: 'com.microsoft',
    inputs,
    attributes: { num_heads: H, ...attributes },
    outputs,
  });
  check(
    'reads',
    [
      ['no mask', call([x, w, b])],
      ['causal', call([x, w, b], { unidirectional: 1 })],
      ['a scale', call([x, w, b], { scale: { float: 0.3 } })],
      ['a mask per token', call([x, w, b, int32([B, S], [1, 1, 1, 0, 0, 0, 1, 1, 1, 1])])],
      [
        'a mask per token, causal, with a row that sees nothing',
        call([x, w, b, int32([B, S], [1, 1, 1, 0, 0, 0, 0, 1, 1, 1])], { unidirectional: 1 }),
      ],
      [
        'a mask per pair',
        call([
          x,
          w,
          b,
          int32(
            [B, S, S],
            Array.from({ length: B * S * S }, (_, i) => Number(i % 3 > 0)),
          ),
        ]),
      ],
      ['lengths', call([x, w, b, int32([B], [3, 5])])],
      ['ends and starts', call([x, w, b, int32([2 * B], [4, 5, 1, 2])])],
      [
        'another value for what is masked',
        call([x, w, b, int32([B], [3, 5])], { mask_filter_value: { float: -2 } }),
      ],
      ['an added bias', call([x, w, b, undefined, undefined, any(B, H, S, S)])],
      ['an added bias for all rows and heads', call([x, w, b, undefined, undefined, any(1, 1, S, S)])],
      ['an added bias and a mask', call([x, w, b, int32([B], [3, 5]), undefined, any(1, H, S, S)])],
      [
        'widths that differ',
        call([x, any(width, 2 * 8 + 12), any(2 * 8 + 12)], { qkv_hidden_sizes: [8, 8, 12] }),
      ],
      ['an empty past', call([x, w, b, undefined, any(2, B, H, 0, D)], {}, [0, 1])],
      ['a past, causal', call([x, w, b, undefined, any(2, B, H, 3, D)], { unidirectional: 1 }, [0, 1])],
    ],
    [
      [
        'mask and causal',
        call([any(2, 3, 4), any(4, 12), any(12), int32([2, 3], [1, 1, 0, 0, 1, 1])], {
          num_heads: 2,
          unidirectional: 1,
        }),
      ],
    ],
  );
});

describe('com.microsoft.MultiHeadAttention', () => {
  const width = H * D;
  const [q, k, v] = [any(B, S, width), any(B, T, width), any(B, T, width)];
  const call = (
    inputs: (FusedInput | undefined)[],
    attributes: FusedAttributes = {},
    outputs = [0],
  ): FusedCall => ({
    type: 'MultiHeadAttention',
    domain: 'com.microsoft',
    inputs,
    attributes: { num_heads: H, ...attributes },
    outputs,
  });
  const none = undefined;
  check(
    'reads',
    [
      ['queries, keys, values', call([q, k, v])],
      ['values of another width', call([q, k, any(B, T, H * 3)])],
      ['a scale', call([q, k, v], { scale: { float: 0.5 } })],
      ['a bias', call([q, k, v, any(3 * width)])],
      ['keys and values of another sequence, with heads', call([q, any(B, H, T, D), any(B, H, T, D)])],
      [
        'a mask per token',
        call([
          q,
          k,
          v,
          none,
          int32(
            [B, T],
            Array.from({ length: B * T }, (_, i) => Number(i % 4 > 0)),
          ),
        ]),
      ],
      [
        'a mask per pair',
        call([
          q,
          k,
          v,
          none,
          int32(
            [B, S, T],
            Array.from({ length: B * S * T }, (_, i) => Number(i % 4 > 0)),
          ),
        ]),
      ],
      ['an added bias', call([q, k, v, none, none, any(B, H, S, T)])],
      ['an added bias for all', call([q, k, v, none, none, any(1, 1, S, T)])],
      [
        'a bias per head and a mask',
        call([q, k, v, none, int32([B, T], Array<number>(B * T).fill(1)), any(1, H, S, T)]),
      ],
      ['causal', call([q, any(B, S, width), any(B, S, width)], { unidirectional: 1 })],
      ['keys and values put out', call([q, k, v, any(3 * width)], {}, [0, 1, 2])],
      ['an empty past', call([q, k, v, none, none, none, any(B, H, 0, D), any(B, H, 0, D)], {}, [0, 1, 2])],
      [
        'a past',
        call(
          [q, any(B, S, width), any(B, S, width), none, none, none, any(B, H, 3, D), any(B, H, 3, D)],
          {},
          [0, 1, 2],
        ),
      ],
    ],
    [
      [
        'bias, mask',
        call([any(2, 3, 4), any(2, 2, 4), any(2, 2, 4), any(12), int32([2, 2], [1, 1, 0, 0])], {
          num_heads: 2,
        }),
      ],
      [
        'added bias',
        call([any(1, 3, 4), any(1, 2, 4), any(1, 2, 4), none, none, any(1, 1, 3, 2)], { num_heads: 2 }),
      ],
    ],
  );
});

describe('packed inputs of MultiHeadAttention, which the kernel of the CPU does not know', () => {
  const count = B * S * H * D;
  const elements = (part: number) => Array.from({ length: count }, (_, i) => Math.sin(i * (part + 2)));
  /** [B, S, H, parts, D] from parts [B, S, H, D]. */
  const packed = (...parts: number[][]): FusedInput => ({
    shape: [B, S, H, parts.length, D],
    values: Array.from({ length: B * S * H }, (_, row) =>
      parts.flatMap((part) => part.slice(row * D, (row + 1) * D)),
    ).flat(),
  });
  const rows = (part: number): FusedInput => ({ shape: [B, S, H * D], values: elements(part) });
  const [q, k, v] = [elements(0), elements(1), elements(2)];
  const call = (...inputs: FusedInput[]): FusedCall => ({
    type: 'MultiHeadAttention',
    domain: 'com.microsoft',
    inputs,
    attributes: { num_heads: H },
  });

  it.each([
    ['queries, keys and values', call(packed(q, k, v))],
    ['keys and values', call(rows(0), packed(k, v))],
  ])('%s', async (_what, given) => {
    const apart = call(rows(0), rows(1), rows(2));
    expect(await fusedError(reader('com.microsoft:MultiHeadAttention'), given, apart)).toBeLessThan(
      tolerance,
    );
  });
});

describe('com.microsoft.GroupQueryAttention', () => {
  const [q, k, v] = [any(B, S, H * D), any(B, S, K * D), any(B, S, K * D)];
  const past = any(B, K, 0, D);
  const lengths = int32([B], [S - 1, S - 1]);
  const total = int32([1], [S]);
  const [cos, sin] = [any(16, D / 2), any(16, D / 2)];
  const call = (
    inputs: (FusedInput | undefined)[],
    attributes: FusedAttributes = {},
    outputs = [0],
  ): FusedCall => ({
    type: 'GroupQueryAttention',
    domain: 'com.microsoft',
    inputs,
    attributes: { num_heads: H, kv_num_heads: K, ...attributes },
    outputs,
  });
  const none = undefined;
  const plain = [q, k, v, past, past, lengths, total];
  const positions = (values: number[]): FusedInput => ({ shape: [B, S], dtype: 'int64', values });
  check(
    'reads',
    [
      ['queries, keys, values', call(plain, {}, [0, 1, 2])],
      ['no past', call([q, k, v, none, none, lengths, total], {}, [0, 1, 2])],
      [
        'as many heads of keys as of queries',
        call([q, any(B, S, H * D), any(B, S, H * D), none, none, lengths, total], { kv_num_heads: H }),
      ],
      [
        'one head of keys',
        call([q, any(B, S, D), any(B, S, D), none, none, lengths, total], { kv_num_heads: 1 }),
      ],
      ['a scale', call(plain, { scale: { float: 0.7 } })],
      ['softcap', call(plain, { softcap: { float: 0.5 } })],
      ['a window', call(plain, { local_window_size: 2 })],
      ['a window of one', call(plain, { local_window_size: 1 })],
      ['a window and softcap', call(plain, { local_window_size: 3, softcap: { float: 0.4 } })],
      ['rotary embedding', call([...plain, cos, sin], { do_rotary: 1 }, [0, 1, 2])],
      ['interleaved rotary embedding', call([...plain, cos, sin], { do_rotary: 1, rotary_interleaved: 1 })],
      [
        'rotary embedding at positions',
        call([...plain, cos, sin, positions([0, 1, 2, 3, 4, 0, 1, 2, 3, 4])], { do_rotary: 1 }),
      ],
      ['smooth softmax', call(plain, { smooth_softmax: 1 })],
      ['sinks', call([...plain, none, none, none, none, any(H)])],
      ['sinks and a window', call([...plain, none, none, none, none, any(H)], { local_window_size: 2 })],
      ['an added bias', call([...plain, none, none, none, any(B, H, S, S)])],
      ['all packed', call([any(B, S, (H + 2 * K) * D), none, none, past, past, lengths, total])],
      [
        'all packed, with rotary embedding',
        call(
          [any(B, S, (H + 2 * K) * D), none, none, past, past, lengths, total, cos, sin],
          { do_rotary: 1 },
          [0, 1, 2],
        ),
      ],
    ],
    [
      [
        'window, rotary embedding, softcap',
        call(
          [
            any(1, 3, 8),
            any(1, 3, 4),
            any(1, 3, 4),
            none,
            none,
            int32([1], [2]),
            int32([1], [3]),
            { ...any(4, 1), constant: true },
            { ...any(4, 1), constant: true },
          ],
          { num_heads: 4, kv_num_heads: 2, do_rotary: 1, local_window_size: 2, softcap: { float: 1 } },
        ),
      ],
      [
        'sinks',
        call(
          [
            any(1, 3, 4),
            any(1, 3, 4),
            any(1, 3, 4),
            none,
            none,
            int32([1], [2]),
            int32([1], [3]),
            none,
            none,
            none,
            none,
            any(2),
          ],
          { num_heads: 2, kv_num_heads: 2 },
        ),
      ],
    ],
  );

  it('reads rows padded on the right: what real tokens see does not change', async () => {
    const real = [3, 5];
    const padded = call([q, k, v, past, past, int32([B], [2, 4]), total, cos, sin], { do_rotary: 1 });
    const { fused, plain } = await runBoth(reader('com.microsoft:GroupQueryAttention'), padded);
    const rows = (data: ArrayLike<unknown>, row: number) =>
      Array.from(data, Number).slice(row * S * H * D, row * S * H * D + (real[row] as number) * H * D);
    for (const row of [0, 1]) {
      const [expected, given] = [fused, plain].map(([tensor]) => rows((tensor as HostTensor).data, row));
      expect(given).toHaveLength((real[row] as number) * H * D);
      given?.forEach((element, i) => {
        expect(Math.abs(element - (expected?.[i] as number))).toBeLessThan(tolerance);
      });
    }
  });

  it('refuses keys of earlier positions, and says what is read', () => {
    const before = any(B, K, 2, D);
    const given = call([q, k, v, before, before, lengths, int32([1], [S + 2])]);
    expect(() => {
      const { build, specs } = asFunction(reader('com.microsoft:GroupQueryAttention'), given);
      const graph = new Graph();
      build(...specs.map(({ shape }, i) => graph.input(`x${i}`, 'float32', shape)));
    }).toThrow('keys of 2 earlier positions are given: whole sequences are read');
  });
});

describe('Attention of ONNX', () => {
  const [q, k, v] = [any(B, H, S, D), any(B, K, T, D), any(B, K, T, D)];
  const call = (
    inputs: (FusedInput | undefined)[],
    attributes: FusedAttributes = {},
    outputs = [0],
    opset = 23,
  ): FusedCall => ({ type: 'Attention', opset, inputs, attributes, outputs });
  const none = undefined;
  const bool = (shape: number[], values: number[]): FusedInput => ({ shape, dtype: 'bool', values });
  const mixed = (count: number) => Array.from({ length: count }, (_, i) => Number(i % 4 !== 1));
  const rows = { q_num_heads: H, kv_num_heads: K };
  check(
    'reads',
    [
      ['heads', call([q, k, v])],
      ['values of another width', call([q, k, any(B, K, T, 3)])],
      ['rows', call([any(B, S, H * D), any(B, T, K * D), any(B, T, K * 3)], rows)],
      ['a scale', call([q, k, v], { scale: { float: 0.3 } })],
      ['causal, fewer queries than keys', call([q, k, v], { is_causal: 1 })],
      ['causal', call([q, any(B, K, S, D), any(B, K, S, D)], { is_causal: 1 })],
      ['softcap', call([q, k, v], { softcap: { float: 0.4 } })],
      ['booleans as a mask', call([q, k, v, bool([S, T], mixed(S * T))])],
      ['booleans per row and head', call([q, k, v, bool([B, H, S, T], mixed(B * H * S * T))])],
      ['numbers as a mask', call([q, k, v, any(S, T)])],
      ['numbers per row', call([q, k, v, any(B, 1, S, T)])],
      ['numbers, causal', call([q, k, v, any(B, 1, S, T)], { is_causal: 1 })],
      [
        'a past',
        call([q, any(B, K, S, D), any(B, K, S, D), none, any(B, K, 3, D), any(B, K, 3, D)], {}, [0, 1, 2]),
      ],
      [
        'a past, causal',
        call(
          [q, any(B, K, S, D), any(B, K, S, D), none, any(B, K, 3, D), any(B, K, 3, D)],
          { is_causal: 1 },
          [0, 1, 2],
        ),
      ],
      ...[0, 1, 2, 3].map((mode): [string, FusedCall] => [
        `scores of mode ${mode}`,
        call([q, k, v, any(S, T)], { qk_matmul_output_mode: mode, softcap: { float: 0.4 } }, [0, 1, 2, 3]),
      ]),
      [
        'lengths, since 24',
        call([q, k, v, none, none, none, { shape: [B], dtype: 'int64', values: [5, 7] }], {}, [0], 24),
      ],
    ],
    [
      [
        'causal, grouped, softcap',
        call([any(1, 4, 3, 2), any(1, 2, 3, 2), any(1, 2, 3, 2)], { is_causal: 1, softcap: { float: 1 } }),
      ],
      [
        'probabilities',
        call(
          [any(1, 1, 3, 2), any(1, 1, 3, 2), { ...any(1, 1, 3, 2), constant: true }, any(3, 3)],
          { qk_matmul_output_mode: 3 },
          [0, 1, 2, 3],
        ),
        3,
      ],
    ],
  );
});

describe('a row that sees nothing', () => {
  const seen: FusedInput = { shape: [2, 3], dtype: 'bool', values: [0, 0, 0, 1, 0, 1] };
  const call: FusedCall = {
    type: 'Attention',
    inputs: [any(1, 1, 2, 2), any(1, 1, 3, 2), any(1, 1, 3, 2), seen],
  };

  it('has a result and gradients that are numbers', async () => {
    const { build, specs } = asFunction(reader('Attention'), call);
    const graph = new Graph();
    const values = specs.map(({ shape }, i) => graph.input(`x${i}`, 'float32', shape));
    const loss = reduceSum(build(...values));
    const [query, key, value] = differentiate(loss, values) as [Value, Value, Value];
    const feeds: [string, HostTensor][] = specs.map(({ shape }, i) => [
      `x${i}`,
      { shape, data: Float32Array.from({ length: sizeOf(shape) }, (_, e) => Math.sin(e + i)) },
    ]);
    const results = await evaluate({ loss, query, key, value }, Object.fromEntries(feeds));
    for (const { data } of Object.values(results)) {
      expect(Array.from(data, Number).every(Number.isFinite)).toBe(true);
    }
    // It attends to all three values alike; the other row to the first and the third.
    const weights = results['value']?.data as Float32Array;
    expect(weights[2]).toBeCloseTo(1 / 3, 5);
  });
});
