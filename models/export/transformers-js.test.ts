import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as transformers from '@huggingface/transformers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../base/json.js';
import { importNetwork, readParameter } from '../huggingface/network.js';
import { unpackFixture } from '../huggingface/testing/fixtures.js';
import { runOriginal } from '../huggingface/testing/original.js';
import type { ExportedHead } from './head.js';
import { writeMerged } from './merged.js';

// Nothing is downloaded: the folders are all there is.
transformers.env.allowRemoteModels = false;

const rows = {
  tokens: [
    [5, 6, 7, 8],
    [10, 11, 12, 13],
  ],
  mask: [
    [1, 1, 1, 1],
    [1, 1, 1, 1],
  ],
};

let scratch: string;
beforeEach(async () => void (scratch = await mkdtemp(join(tmpdir(), 'transformers-js-'))));
afterEach(() => rm(scratch, { recursive: true }));

async function trained(name: string, head?: (hiddenName: string, width: number) => ExportedHead) {
  const folder = await unpackFixture(name, 'optimum', join(scratch, name));
  const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')) as JsonObject;
  const network = await importNetwork({ onnxPath: join(folder, 'onnx/model.onnx'), config });
  const values = new Map(
    await Promise.all(
      network.parameters.map(async (spec) => {
        const { shape, data } = await readParameter(spec);
        return [spec.name, { shape, data: data.map((value, i) => value + 0.02 * Math.sin(i)) }] as const;
      }),
    ),
  );
  const out = join(scratch, 'out');
  const put = head === undefined ? {} : { head: head(network.hiddenName as string, network.width) };
  await writeMerged(
    { file: network.file, folder, config, parameters: network.parameters, values, ...put },
    out,
  );
  return { out, config };
}

const longs = (values: number[][]) =>
  new transformers.Tensor('int64', BigInt64Array.from(values.flat(), BigInt), [
    values.length,
    (values[0] as number[]).length,
  ]);
const inputs = () => ({ input_ids: longs(rows.tokens), attention_mask: longs(rows.mask) });

/** The most likely next token, again and again, by running the whole file each time. */
async function greedy(out: string, config: JsonObject, steps: number): Promise<number[][]> {
  let tokens = rows.tokens;
  for (let step = 0; step < steps; step++) {
    const mask = tokens.map((row) => row.map(() => 1));
    const { shape, data } = await runOriginal(join(out, 'onnx/model.onnx'), { tokens, mask }, config);
    const [, length, vocabulary] = shape as [number, number, number];
    tokens = tokens.map((row, i) => {
      const last = data.slice((i * length + length - 1) * vocabulary, (i + 1) * length * vocabulary);
      return [...row, last.indexOf(Math.max(...last))];
    });
  }
  return tokens;
}

describe.each(['gpt2', 'llama-tied', 'qwen2'])('a merged %s in transformers.js', (name) => {
  it('generates what its logits say', async () => {
    const { out, config } = await trained(name);
    const model = await transformers.AutoModelForCausalLM.from_pretrained(out, { dtype: 'fp32' });
    try {
      const never = { eos_token_id: -1, max_new_tokens: 4, do_sample: false };
      const generated = (await model.generate({ ...inputs(), ...never })) as transformers.Tensor;
      expect(generated.tolist().map((row: bigint[]) => row.map(Number))).toEqual(
        await greedy(out, config, 4),
      );
    } finally {
      await model.dispose();
    }
  });
});

describe('merged classifiers in transformers.js', () => {
  it.each(['bert', 'distilbert'])('%s', async (name) => {
    const { out, config } = await trained(name);
    const model = await transformers.AutoModelForSequenceClassification.from_pretrained(out, {
      dtype: 'fp32',
    });
    try {
      const segments = rows.tokens.map((row) => row.map(() => 0));
      const { logits } = (await model({ ...inputs(), token_type_ids: longs(segments) })) as {
        logits: transformers.Tensor;
      };
      const expected = await runOriginal(join(out, 'onnx/model.onnx'), rows, config);
      expect(logits.dims).toEqual(expected.shape);
      expect(Array.from(logits.data as Float32Array)).toEqual(Array.from(expected.data));
    } finally {
      await model.dispose();
    }
  });

  it('a head on a language model', async () => {
    const { out } = await trained('gpt2', (hiddenName, width) => ({
      ...{ hiddenName, pooling: 'last' },
      weight: { shape: [2, width], data: Float32Array.from({ length: 2 * width }, (_, i) => Math.cos(i)) },
      labels: ['no', 'yes'],
    }));
    const model = await transformers.AutoModel.from_pretrained(out, { dtype: 'fp32' });
    try {
      const { logits } = (await model(inputs())) as { logits: transformers.Tensor };
      expect(logits.dims).toEqual([2, 2]);
      expect((model.config as { id2label?: object }).id2label).toEqual({ 0: 'no', 1: 'yes' });
    } finally {
      await model.dispose();
    }
  });
});
