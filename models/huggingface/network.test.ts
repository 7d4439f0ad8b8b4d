/** @file Exported models read as networks: they compute what the file computes, and name parameters as PyTorch does. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../base/json.js';
import { evaluate } from '../../onnx/evaluate.js';
import { Graph, type Value } from '../../onnx/graph.js';
import { closeSessions } from '../../onnx/session.js';
import type { HostTensor } from '../../onnx/tensor.js';
import type { NetworkOutputs, Weight } from '../network.js';
import { exported, temporaryFixture } from './testing/fixtures.js';
import { type ImportedNetwork, importNetwork, readParameter } from './network.js';
import { type Rows, runOriginal } from './testing/original.js';

/** What each road does to numbers: 16-bit exports are computed in float32 here, and not by the file. */
const tolerances: Readonly<Record<string, number>> = { fp16: 2e-2, q4: 1e-4 };

const opened: (() => Promise<void>)[] = [];
afterAll(async () => {
  await closeSessions();
  await Promise.all(opened.map((remove) => remove()));
});

async function imported(name: string, road: string) {
  const { folder, onnxPath, remove } = await temporaryFixture(name, road);
  opened.push(remove);
  const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')) as JsonObject;
  return { onnxPath, config, network: await importNetwork({ onnxPath, config }) };
}

/** Rows of different lengths, padded on the right and on the left, and full ones. */
const batches: Readonly<Record<string, Rows>> = {
  'padded on the right': {
    tokens: [
      [5, 9, 3, 44, 8, 17],
      [7, 6, 12, 0, 0, 0],
    ],
    mask: [
      [1, 1, 1, 1, 1, 1],
      [1, 1, 1, 0, 0, 0],
    ],
  },
  'padded on the left': {
    tokens: [
      [0, 0, 3, 44, 8, 17, 21, 30, 12],
      [7, 6, 12, 5, 40, 13, 33, 28, 66],
      [0, 0, 0, 0, 0, 0, 0, 54, 11],
    ],
    mask: [
      [0, 0, 1, 1, 1, 1, 1, 1, 1],
      [1, 1, 1, 1, 1, 1, 1, 1, 1],
      [0, 0, 0, 0, 0, 0, 0, 1, 1],
    ],
  },
  full: { tokens: [[5, 9, 3, 44, 8, 17, 65]] },
};

/** A network's graph over rows, its parameters as constants in PyTorch's layout. */
async function built(network: ImportedNetwork, { tokens, mask }: Rows) {
  const sizes = { batch: tokens.length, length: (tokens[0] as number[]).length };
  const sized = await network.at(sizes);
  const graph = new Graph();
  const shape = [sizes.batch, sizes.length];
  const rows = (elements: Rows['tokens']): Value =>
    graph.constant('int64', shape, BigInt64Array.from(elements.flat(), BigInt));
  const parameters = new Map<string, Weight>();
  for (const spec of network.parameters) {
    const { shape: of, data } = await readParameter(spec);
    parameters.set(spec.name, { value: graph.constant('float32', of, data), transposed: false });
  }
  const outputs = sized.forward(graph, (name) => parameters.get(name) as Weight, {
    tokens: rows(tokens),
    ...(mask === undefined ? {} : { mask: rows(mask) }),
  });
  return { graph, sized, outputs };
}

function resultOf(outputs: NetworkOutputs): Value {
  if (outputs.kind === 'language') return outputs.head(outputs.hidden);
  return outputs.kind === 'features' ? outputs.hidden : outputs.logits;
}

/** The largest difference where tokens are real: what stands at padding means nothing. */
function distance(actual: HostTensor, expected: HostTensor, mask?: Rows['mask']): number {
  expect(actual.data.length).toBe(expected.data.length);
  const flags = expected.shape.length === 3 ? mask?.flat() : undefined;
  const width = expected.shape.at(-1) as number;
  let largest = 0;
  expected.data.forEach((value: number | bigint, i: number) => {
    if (flags?.[Math.floor(i / width)] === 0) return;
    largest = Math.max(largest, Math.abs(Number(value) - Number(actual.data[i])));
  });
  return largest;
}

const all = exported.flatMap(({ name, roads }) => roads.map((road): [string, string] => [name, road]));

describe.each(all)('%s, exported by %s', (name, road) => {
  it('computes what the file computes', async () => {
    const { onnxPath, config, network } = await imported(name, road);
    for (const [kind, rows] of Object.entries(batches)) {
      // Builders of fused models count positions from the mask's sum: they cannot pad on the left.
      if (road === 'genai' && kind === 'padded on the left') continue;
      const expected = await runOriginal(onnxPath, rows, config);
      const { outputs } = await built(network, rows);
      const { result } = await evaluate({ result: resultOf(outputs) });
      expect(distance(result as HostTensor, expected, rows.mask), kind).toBeLessThan(
        tolerances[road] ?? 1e-5,
      );
    }
  });
});
