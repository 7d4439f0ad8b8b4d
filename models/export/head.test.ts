import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ort from 'onnxruntime-node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../base/json.js';
import { importNetwork, readParameter } from '../huggingface/network.js';
import { unpackFixture } from '../huggingface/testing/fixtures.js';
import { runOriginal } from '../huggingface/testing/original.js';
import type { ExportedHead } from './head.js';
import { writeMerged } from './merged.js';

const classes = 3;
const tokens = [
  [5, 6, 7, 8, 9],
  [10, 11, 12, 0, 0],
  [13, 14, 0, 0, 0],
];
const lengths = [5, 3, 2];
const mask = tokens.map((row, i) => row.map((_, j) => Number(j < (lengths[i] as number))));

let scratch: string;
beforeEach(async () => void (scratch = await mkdtemp(join(tmpdir(), 'head-'))));
afterEach(() => rm(scratch, { recursive: true }));

/**
 * A head whose rows are the first of the output embedding, so that its logits are known: those of the language model
 * for the first tokens.
 */
async function headed(name: string, road: string, pooling: ExportedHead['pooling']) {
  const folder = await unpackFixture(name, road, join(scratch, name));
  const onnxPath = join(folder, 'onnx/model.onnx');
  const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')) as JsonObject;
  const network = await importNetwork({ onnxPath, config });
  const named = (pattern: RegExp) => network.parameters.find(({ name: each }) => pattern.test(each));
  const output = named(/^lm_head\.weight$/) ?? named(/(wte|embed_tokens)\.weight$/);
  const { data } = await readParameter(output as NonNullable<typeof output>);
  const weight = { shape: [classes, network.width], data: data.slice(0, classes * network.width) };
  const bias = { shape: [classes], data: Float32Array.of(1, 0, -1) };
  const head = {
    hiddenName: network.hiddenName as string,
    pooling,
    weight,
    bias,
    labels: ['good', 'bad', 'neither'],
  };
  const out = join(scratch, 'out');
  await writeMerged(
    { file: network.file, folder, config, parameters: network.parameters, values: new Map(), head },
    out,
  );
  const before = await runOriginal(onnxPath, { tokens, mask }, config);
  return { before, out, bias: bias.data };
}

/** As text classifiers are run: with tokens and a mask, and nothing else. */
async function classify(path: string): Promise<ort.Tensor> {
  const session = await ort.InferenceSession.create(path);
  try {
    expect(session.outputNames).toEqual(['logits']);
    const longs = (rows: number[][]) =>
      new ort.Tensor('int64', BigInt64Array.from(rows.flat(), BigInt), [3, 5]);
    return (await session.run({ input_ids: longs(tokens), attention_mask: longs(mask) }))[
      'logits'
    ] as ort.Tensor;
  } finally {
    await session.release();
  }
}

describe.each([
  ['gpt2', 'optimum'],
  ['llama-tied', 'optimum'],
  ['qwen3', 'dynamo'],
  ['llama-tied', 'genai'],
])('a head on %s (%s)', (name, road) => {
  it.each(['last', 'first', 'mean'] as const)('reads the %s of the real tokens', async (pooling) => {
    const { before, out, bias } = await headed(name, road, pooling);
    const logits = await classify(join(out, 'onnx/model.onnx'));
    expect(logits.dims).toEqual([3, classes]);
    const vocabulary = before.shape[2] as number;
    const at = (row: number, place: number, label: number) =>
      before.data[(row * 5 + place) * vocabulary + label] as number;
    for (const [row, length] of lengths.entries()) {
      for (let label = 0; label < classes; label++) {
        const places = { last: [length - 1], first: [0], mean: Array.from({ length }, (_, i) => i) }[pooling];
        const pooled = places.reduce((sum, place) => sum + at(row, place, label), 0) / places.length;
        const found = (logits.data as Float32Array)[row * classes + label] as number;
        expect(Math.abs(found - pooled - (bias[label] as number))).toBeLessThan(2e-5);
      }
    }
  });

  it('is described in config.json', async () => {
    const { out } = await headed(name, road, 'last');
    const config = JSON.parse(await readFile(join(out, 'config.json'), 'utf8')) as JsonObject;
    expect(config).toMatchObject({
      architectures: [expect.stringMatching(/^[A-Z]\w*ForSequenceClassification$/)],
      id2label: { 0: 'good', 1: 'bad', 2: 'neither' },
      label2id: { good: 0, bad: 1, neither: 2 },
      problem_type: 'single_label_classification',
    });
  });
});
