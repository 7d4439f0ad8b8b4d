/**
 * @file Exported models read as networks compute what PyTorch does, whichever road they came by; the numbers are in
 * models/fixtures/huggingface, beside the script that made them.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../base/json.js';
import { evaluate } from '../../onnx/evaluate.js';
import { Graph, type Value } from '../../onnx/graph.js';
import { closeSessions } from '../../onnx/session.js';
import type { HostTensor } from '../../onnx/tensor.js';
import type { Weight } from '../network.js';
import { type ImportedNetwork, importNetwork, readParameter } from './network.js';
import {
  exported,
  forwardBatches,
  type RecordedBatch,
  recordedNumbers,
  type RecordedForward,
  temporaryFixture,
} from './testing/fixtures.js';

afterAll(closeSessions);

/** How far logits may be from PyTorch's: float16 has a unit in the last place of 1/1024, and logits are up to 20. */
const tolerance = (road: string) => (road === 'fp16' ? 0.05 : 1e-4);

async function withNetwork(
  name: string,
  road: string,
  use: (network: ImportedNetwork) => Promise<void>,
): Promise<void> {
  const fixture = await temporaryFixture(name, road);
  const { folder, onnxPath } = fixture;
  try {
    const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as JsonObject;
    await use(await importNetwork({ onnxPath, config }));
  } finally {
    await fixture.remove();
  }
}

/** RoBERTa counts positions from its own padding token, 1. */
function tokensFor(name: string, { input_ids, attention_mask }: RecordedBatch): number[][] {
  if (name !== 'roberta') return input_ids;
  return input_ids.map((row, b) => row.map((token, t) => (attention_mask[b]?.[t] === 1 ? token : 1)));
}

/** Logits of all rows, or hidden states of a model without a head; [B·T, V], [B, C] or [B·T, D]. */
async function forward(network: ImportedNetwork, tokens: number[][], mask: number[][]) {
  const shape = [tokens.length, (tokens[0] as number[]).length] as const;
  const sized = await network.at({ batch: shape[0], length: shape[1] });
  const graph = new Graph();
  const weights = new Map<string, Weight>();
  for (const spec of network.parameters) {
    const { shape: dims, data } = await readParameter(spec);
    weights.set(spec.name, { value: graph.constant('float32', dims, data), transposed: false });
  }
  const fed = { tokens: graph.input('tokens', 'int64', shape), mask: graph.input('mask', 'int64', shape) };
  const outputs = sized.forward(graph, (key) => weights.get(key) as Weight, fed);
  const result =
    outputs.kind === 'language'
      ? outputs.head(outputs.hidden)
      : outputs.kind === 'features'
        ? outputs.hidden
        : outputs.logits;
  const layers = [0, 1, 2].map((i) => sized.layer?.(graph, i) as Value);
  const named = Object.fromEntries(layers.map((value, i) => [`layer${i}`, value]));
  const ids = (rows: number[][]): HostTensor => ({ shape, data: BigInt64Array.from(rows.flat(), BigInt) });
  return evaluate({ result, ...named }, { tokens: ids(tokens), mask: ids(mask) });
}

function rowsOf({ shape, data }: HostTensor): number[][] {
  const width = shape.at(-1) as number;
  const all = Array.from(data as Float32Array);
  return Array.from({ length: all.length / width }, (_, r) => all.slice(r * width, (r + 1) * width));
}

const farthest = (a: readonly number[], b: readonly number[]) =>
  a.reduce((max, value, i) => Math.max(max, Math.abs(value - (b[i] as number))), 0);

async function expectForward(
  network: ImportedNetwork,
  name: string,
  batch: RecordedBatch,
  expected: RecordedForward,
  within: number,
): Promise<void> {
  const results = await forward(network, tokensFor(name, batch), batch.attention_mask);
  const rows = rowsOf(results['result'] as HostTensor);
  const length = (batch.input_ids[0] as number[]).length;
  const ends = batch.attention_mask.map((mask, b) => b * length + mask.lastIndexOf(1));
  const at = (all: number[][], b: number) =>
    all[network.kind === 'classification' ? b : (ends[b] as number)] as number[];
  expected.logits.forEach((logits, b) => {
    expect(farthest(logits, at(rows, b)), `logits of row ${b}`).toBeLessThan(within);
  });
  const real = network.kind === 'classification' ? [1, 1, 1, 1] : batch.attention_mask.flat();
  const sum = rows.reduce(
    (total, row, r) => (real[r] === 1 ? row.reduce((part, value) => part + Math.abs(value), total) : total),
    0,
  );
  expect(Math.abs(sum / expected.sum - 1), 'all logits').toBeLessThan(within);
  expected.layers.forEach((layer, i) => {
    const all = rowsOf(results[`layer${i}`] as HostTensor);
    layer.forEach((numbers, b) => {
      const row = all[ends[b] as number] as number[];
      const own = [...row.slice(0, 4), Math.hypot(...row)];
      expect(farthest(numbers, own), `layer ${i}, row ${b}`).toBeLessThan(within);
    });
  });
}

describe('logits and the residual stream are those of PyTorch, on padding right, left and none', () => {
  for (const { name, roads } of exported) {
    const numbers = recordedNumbers(name);
    for (const road of roads) {
      it(`${name} by ${road}`, () =>
        withNetwork(name, road, async (network) => {
          expect(network.kind).toBe(numbers.kind);
          const recorded = road === 'q4' ? (numbers.q4?.batches ?? []) : numbers.batches;
          for (const [i, batch] of forwardBatches.entries()) {
            // The fused attention of onnxruntime-genai counts positions from the left edge, as its files say.
            if (road === 'genai' && i === 1) continue;
            await expectForward(network, name, batch, recorded[i] as RecordedForward, tolerance(road));
          }
        }));
    }
  }
});

/** onnxslim computes DeBERTa's relative embeddings through their norm, once and for all: nothing of them can be trained. */
const folded = (name: string, road: string) => name === 'deberta' && road === 'slim';

describe('parameters have the names and shapes that they have in PyTorch', () => {
  for (const { name, roads } of exported) {
    const { kind, parameters } = recordedNumbers(name);
    for (const road of roads.filter((known) => known !== 'q4' && !folded(name, known))) {
      it(`${name} by ${road}`, () =>
        withNetwork(name, road, (network) => {
          const own = Object.fromEntries(network.parameters.map((spec) => [spec.name, spec.shape]));
          // Over features the head is ours.
          const isFiles = ([key]: [string, unknown]) => kind !== 'features' || !key.startsWith('classifier');
          expect(own).toEqual(Object.fromEntries(Object.entries(parameters).filter(isFiles)));
          return Promise.resolve();
        }));
    }
  }
});
