/** @file Weights of four and eight bits: what they stand for against ONNX Runtime's own product, and its gradient. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../../base/random.js';
import { parseDevice } from '../device.js';
import { DifferentiationError, differentiate } from '../differentiate.js';
import { encodeGraph, encodeModel } from '../encode.js';
import { evaluate } from '../evaluate.js';
import { Graph, type Value } from '../graph.js';
import { closeSessions, fromOrt, openSession, toOrt } from '../session.js';
import type { StoredTensor } from '../stored.js';
import { type DataType, sizeOf, type TensorData } from '../tensor.js';
import { gradientError } from '../testing/central_differences.js';
import { reduceSum } from './reduction.js';
import { mul } from './elementwise.js';
import { dequantizeLinear, MatMulNBits, type Packing, unpackWeights } from './quantized.js';

afterAll(closeSessions);

interface Layer extends Packing {
  readonly zeros: 'none' | 'packed' | 'numbers';
  readonly bias: boolean;
}

let random = Random.of(1, 'quantised weights');
const bytes = (count: number) => Uint8Array.from({ length: count }, () => Math.floor(random.uniform() * 256));
const floats = (count: number) => Float32Array.from({ length: count }, () => random.uniform() - 0.5);

/** A layer's inputs after the first, as values of a graph. */
function weightsOf(graph: Graph, { K, N, bits, block_size: size, zeros, bias }: Layer, dtype: DataType) {
  // The same layer has the same weights, however often it is built.
  random = Random.of(1, 'quantised weights', `${K} ${N} ${bits} ${size} ${zeros}`);
  const blocks = Math.ceil(K / size);
  const numbers = (shape: number[]) => graph.constant(dtype, shape, Array.from(floats(sizeOf(shape))));
  const zero = {
    none: () => undefined,
    packed: () => {
      const length = N * Math.ceil((blocks * bits) / 8);
      return graph.constant('uint8', [length], bytes(length));
    },
    numbers: () => numbers([N * blocks]),
  }[zeros];
  const packed = [N, blocks, (size * bits) / 8];
  return [
    graph.constant('uint8', packed, bytes(sizeOf(packed))),
    numbers([N * blocks]),
    zero(),
    undefined,
    bias ? numbers([N]) : undefined,
  ];
}

const product = (a: Value, layer: Layer, rest: (Value | undefined)[]) =>
  a.graph.emitOne(MatMulNBits, [a, ...rest], layer);

const layers: [string, Layer][] = [
  ['4 bits', { K: 64, N: 5, bits: 4, block_size: 16, zeros: 'none', bias: false }],
  ['4 bits, zero points', { K: 64, N: 5, bits: 4, block_size: 32, zeros: 'packed', bias: true }],
  [
    '4 bits, an odd number of zero points',
    { K: 48, N: 4, bits: 4, block_size: 16, zeros: 'packed', bias: false },
  ],
  ['4 bits, a part of a block', { K: 40, N: 3, bits: 4, block_size: 32, zeros: 'packed', bias: false }],
  ['4 bits, one block', { K: 16, N: 3, bits: 4, block_size: 16, zeros: 'packed', bias: false }],
  ['8 bits', { K: 64, N: 5, bits: 8, block_size: 32, zeros: 'none', bias: true }],
  ['8 bits, zero points', { K: 48, N: 5, bits: 8, block_size: 16, zeros: 'packed', bias: false }],
];

describe('weights of four and eight bits', () => {
  it.each(layers)('are what a product with them multiplies by: %s', async (_what, layer) => {
    const graph = new Graph();
    const rest = weightsOf(graph, { ...layer, bias: false }, 'float32');
    // Times the unit matrix the product is the transpose of the weights.
    const units = Float32Array.from({ length: layer.K ** 2 }, (_, i) => Number(i % (layer.K + 1) === 0));
    const transposed = product(graph.constant('float32', [layer.K, layer.K], units), layer, rest);
    const weights = unpackWeights([undefined, ...rest], layer);
    const results = await evaluate({ transposed, weights });
    const [given, own] = ['transposed', 'weights'].map((name) => results[name]?.data as Float32Array) as [
      Float32Array,
      Float32Array,
    ];
    const worst = Math.max(
      ...Array.from(own, (w, i) => {
        const [row, column] = [Math.floor(i / layer.K), i % layer.K];
        return Math.abs(w - (given[column * layer.N + row] as number));
      }),
    );
    // Zero points of an odd number are taken off after scaling, which rounds otherwise.
    const isExact =
      layer.zeros === 'none' || Math.ceil(layer.K / layer.block_size) % 2 === 0 || layer.bits === 8;
    expect(worst).toBeLessThanOrEqual(isExact ? 0 : 1e-6);
  });

  it.each(layers)('are differentiated through: %s', async (_what, layer) => {
    const error = await gradientError(
      (a, bias) => product(a, layer, [...weightsOf(a.graph, layer, 'float32').slice(0, 4), bias]),
      [{ shape: [2, layer.K] }, { shape: [layer.N] }],
      'float32',
    );
    expect(error).toBeLessThan(1);
  });

  it('are not dequantised before their gradient is there: those of all layers would be in memory at once', () => {
    const layer: Layer = { K: 32, N: 32, bits: 4, block_size: 16, zeros: 'packed', bias: false };
    const graph = new Graph();
    const x = graph.input('x', 'float32', [2, 32]);
    const loss = reduceSum(product(x, layer, weightsOf(graph, layer, 'float32')));
    differentiate(mul(loss, loss), [x]);
    const behindX = new Set([x]);
    for (const { inputs, outputs } of graph.nodes) {
      if (inputs.some((input) => input !== undefined && behindX.has(input)))
        for (const output of outputs) behindX.add(output);
    }
    const unpacked = graph.nodes.filter(({ operator }) => operator.name === 'DequantizeLinear');
    expect(unpacked.map(({ outputs }) => behindX.has(outputs[0] as Value))).toEqual([true]);
  });

  it('do not train: the message says what does', () => {
    const graph = new Graph();
    const scale = graph.input('scale', 'float32', [2]);
    const w = dequantizeLinear(graph.constant('int8', [2, 3], [1, 2, 3, 4, 5, 6]), scale, undefined, {
      axis: 0,
    });
    expect(() => differentiate(reduceSum(w), [scale])).toThrow(DifferentiationError);
    expect(() => differentiate(reduceSum(w), [scale])).toThrow('train an adapter (LoRA)');
  });
});

describe('in the file they came in', () => {
  const folder = mkdtempSync(join(tmpdir(), 'temper-quantized-'));
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it('one range of bytes serves the product and its gradient', async () => {
    const layer: Layer = { K: 64, N: 6, bits: 4, block_size: 16, zeros: 'packed', bias: false };
    const inMemory = new Graph();
    const rest = weightsOf(inMemory, layer, 'float32').slice(0, 3) as Value[];
    const file = join(folder, 'weights.bin');
    writeFileSync(file, Buffer.concat(rest.map(({ data }) => Buffer.from((data as TensorData).buffer))));
    let offset = 0;
    const stored = rest.map(({ name, dtype, shape, data }): StoredTensor => {
      const length = (data as TensorData).byteLength;
      offset += length;
      return {
        name,
        dtype: dtype,
        shape: shape as number[],
        location: { file, offset: offset - length, length },
        read: () => Promise.reject(new Error('it is mapped, not read')),
      };
    });
    const feeds = { x: { shape: [3, 64], data: floats(3 * 64) } };
    const build = (graph: Graph, weights: Value[]) => {
      const x = graph.input('x', 'float32', [3, 64]);
      const y = product(x, layer, weights);
      const loss = reduceSum(mul(y, y));
      return { loss, gradient: differentiate(loss, [x])[0] as Value };
    };
    const expected = await evaluate(build(inMemory, rest), feeds);
    const graph = new Graph();
    const outputs = build(
      graph,
      stored.map((tensor) => graph.stored(tensor)),
    );
    const model = encodeModel(encodeGraph('mapped', graph.inputs, outputs));
    const lease = await openSession(model, parseDevice('cpu'), { folder });
    try {
      const results = await lease.session.run({ x: toOrt(feeds.x) });
      for (const name of ['loss', 'gradient']) {
        expect(fromOrt(results[name] as never).data).toEqual(expected[name]?.data);
      }
    } finally {
      await lease.release();
    }
  });
});
