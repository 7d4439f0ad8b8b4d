/** @file Exported models read as networks: what they compute, and what their parameters are called. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../base/json.js';
import { Graph, type Value } from '../../onnx/graph.js';
import { evaluate } from '../../onnx/evaluate.js';
import { closeSessions } from '../../onnx/session.js';
import type { HostTensor } from '../../onnx/tensor.js';
import type { Weight } from '../network.js';
import { type ImportedNetwork, importNetwork, readParameter } from './network.js';
import { type Rows, runOriginal } from './testing/original.js';

afterAll(closeSessions);

async function logitsOf(network: ImportedNetwork, { tokens, mask }: Rows): Promise<HostTensor> {
  const sizes = { batch: tokens.length, length: (tokens[0] as number[]).length };
  const sized = await network.at(sizes);
  const graph = new Graph();
  const feeds: Record<string, HostTensor> = {};
  const feed = (name: string, rows: Rows['tokens']): Value => {
    const shape = [sizes.batch, sizes.length];
    feeds[name] = { shape, data: BigInt64Array.from(rows.flat(), BigInt) };
    return graph.input(name, 'int64', shape);
  };
  const parameters = new Map<string, Weight>();
  for (const spec of network.parameters) {
    const { shape, data } = await readParameter(spec);
    parameters.set(spec.name, { value: graph.constant('float32', shape, data), transposed: false });
  }
  const outputs = sized.forward(graph, (name) => parameters.get(name) as Weight, {
    tokens: feed('tokens', tokens),
    ...(mask === undefined ? {} : { mask: feed('mask', mask) }),
  });
  const result =
    outputs.kind === 'language'
      ? outputs.head(outputs.hidden)
      : outputs.kind === 'features'
        ? outputs.hidden
        : outputs.logits;
  const used = Object.fromEntries(Object.entries(feeds));
  return (await evaluate({ result }, used))['result'] as HostTensor;
}

const folders = (process.env['TRY'] ?? '').split(',').filter(Boolean);

describe('a model that was exported', () => {
  for (const folder of folders) {
    it(folder, async () => {
      const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')) as JsonObject;
      const onnxPath = join(folder, 'model.onnx');
      const network = await importNetwork({ onnxPath, config });
      const rows: Rows = {
        tokens: [
          [5, 9, 3, 44, 8, 17],
          [7, 6, 12, 0, 0, 0],
        ],
        mask: [
          [1, 1, 1, 1, 1, 1],
          [1, 1, 1, 0, 0, 0],
        ],
      };
      const expected = await runOriginal(onnxPath, rows);
      const start = performance.now();
      const actual = await logitsOf(network, rows);
      let worst = 0;
      expected.data.forEach(
        (value, i) => (worst = Math.max(worst, Math.abs(value - Number(actual.data[i])))),
      );
      console.log(
        folder,
        network.kind,
        network.parameters.length,
        network.linears.length,
        'worst',
        worst,
        'ms',
        performance.now() - start,
      );
      if (process.env['NAMES'])
        console.log(
          network.parameters
            .map(
              ({ name, shape, stored }) =>
                `${name} ${shape} ${stored?.transposed} ${stored?.offset} ${stored?.copies?.length}`,
            )
            .join('\n'),
        );
      expect(actual.data.length).toBe(expected.data.length);
      expect(worst).toBeLessThan(1e-4);
    });
  }
});
