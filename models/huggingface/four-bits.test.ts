/** @file Adapters over weights of four bits: these stay packed in their file, and the numbers are those of floats. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../base/json.js';
import { parseDevice } from '../../onnx/device.js';
import { differentiate } from '../../onnx/differentiate.js';
import { encodeGraph, encodeModel } from '../../onnx/encode.js';
import { Graph, type Value } from '../../onnx/graph.js';
import { add, gemm, mul, reduceSum } from '../../onnx/operators/index.js';
import { prune } from '../../onnx/prune.js';
import { closeSessions, fromOrt, openSession, toOrt } from '../../onnx/session.js';
import type { HostTensor } from '../../onnx/tensor.js';
import type { Adapt, Weight } from '../network.js';
import { importNetwork, type ImportedNetwork, readParameter } from './network.js';
import { temporaryFixture, type Unpacked } from './testing/fixtures.js';

const sizes = { batch: 2, length: 5 };
const tokens: HostTensor = {
  shape: [2, 5],
  data: BigInt64Array.from([5, 9, 3, 22, 41, 7, 30, 12, 6, 2], BigInt),
};

describe('adapters over weights of four bits', () => {
  let fixture: Unpacked;
  let network: ImportedNetwork;
  beforeAll(async () => {
    fixture = await temporaryFixture('llama-tied', 'q4');
    const config = JSON.parse(readFileSync(join(fixture.folder, 'config.json'), 'utf8')) as JsonObject;
    network = await importNetwork({ onnxPath: fixture.onnxPath, config });
  });
  afterAll(async () => {
    await closeSessions();
    await fixture.remove();
  });

  /** The gradients of an adapter of rank 1 at every linear layer, the four-bit weights as they lie or as floats. */
  async function gradients(packed: boolean) {
    const graph = new Graph();
    const weights = new Map<string, Weight>();
    for (const spec of network.parameters) {
      if (packed && spec.stored?.quantized !== undefined) {
        const { tensor, transposed } = spec.stored;
        weights.set(spec.name, { value: graph.stored(tensor), transposed, asStored: true });
        continue;
      }
      const { shape, data } = await readParameter(spec);
      weights.set(spec.name, { value: graph.constant('float32', shape, data), transposed: false });
    }
    const feeds: Record<string, HostTensor> = { tokens };
    const trained: Value[] = [];
    const adapt: Adapt = ({ name, inFeatures, outFeatures }, input, output) => {
      const [a, b] = [inFeatures, outFeatures].map((width, i) => {
        const key = `${name}.${'ab'[i] as string}`;
        const shape = i === 0 ? [width, 1] : [1, width];
        feeds[key] = { shape, data: Float32Array.from({ length: width }, (_, e) => Math.sin(e + i) / 4) };
        return graph.input(key, 'float32', shape);
      }) as [Value, Value];
      trained.push(a, b);
      return add(output, gemm(gemm(input, a), b));
    };
    const sized = await network.at(sizes);
    const outputs = sized.forward(
      graph,
      (name) => weights.get(name) as Weight,
      { tokens: graph.input('tokens', 'int64', [2, 5]) },
      adapt,
    );
    if (outputs.kind !== 'language') throw new Error('a language model was expected');
    const logits = outputs.head(outputs.hidden);
    const loss = reduceSum(mul(logits, logits));
    const results = Object.fromEntries(differentiate(loss, trained).map((value, i) => [`g${i}`, value]));
    const live = prune(graph, [loss, ...Object.values(results)]);
    const model = encodeModel(encodeGraph('adapters', graph.inputs, { loss, ...results }));
    const lease = await openSession(model, parseDevice('cpu'), { folder: dirname(fixture.onnxPath) });
    try {
      const given = Object.fromEntries(Object.entries(feeds).map(([name, tensor]) => [name, toOrt(tensor)]));
      const numbers = await lease.session.run(given);
      return {
        live,
        model,
        values: Object.keys(results).map((key) => fromOrt(numbers[key] as never).data as Float32Array),
      };
    } finally {
      await lease.release();
    }
  }

  it('gives the gradients that floats give', async () => {
    const [packed, floats] = [await gradients(true), await gradients(false)];
    expect(packed.values.length).toBeGreaterThan(20);
    packed.values.forEach((gradient, i) => {
      const expected = floats.values[i] as Float32Array;
      const norm = Math.hypot(...expected);
      const distance = Math.hypot(...gradient.map((g, e) => g - (expected[e] as number)));
      expect(distance).toBeLessThan(1e-5 * Math.max(norm, 1e-3));
    });
  });

  it('keeps no weight of four bits as floats, going forward or back', async () => {
    const { live } = await gradients(true);
    const packed = network.parameters.filter(({ stored }) => stored?.quantized !== undefined);
    const products = live.nodes.filter(({ operator }) => operator.name === 'MatMulNBits');
    expect(products.length).toBeGreaterThanOrEqual(packed.length);
    const bytes = new Set(live.views.map(({ viewOf }) => viewOf?.stored?.name));
    // The first layer's projections have no gradient to hand on; all others are read backwards, too, from the same bytes.
    expect(packed.filter(({ stored }) => bytes.has(stored?.tensor.name)).length).toBeGreaterThan(
      packed.length / 2,
    );
    const sizesOf = new Set(packed.map(({ shape }) => [...shape].sort().join()));
    const kept = live.constants.filter(
      ({ dtype, shape }) => dtype === 'float32' && sizesOf.has([...shape].sort().join()),
    );
    // The embedding is the one float that has such a shape.
    expect(kept.length).toBeLessThanOrEqual(1);
  });
});
