import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from '../../base/folders.js';
import type { JsonObject } from '../../base/json.js';
import { initialiseGpt } from '../gpt.js';
import { importNetwork, readParameter } from '../huggingface/network.js';
import { adapterFolder, unpackFixture } from '../huggingface/testing/fixtures.js';
import { byteTokenizer, learnWords } from '../tokenizer.js';
import { adapterTensors, readAdapter, writeAdapter } from './adapter.js';
import { exportBuiltin } from './builtin.js';
import { mergedValues } from './lora-values.js';
import { writeMerged } from './merged.js';
import { writePytorch } from './pytorch.js';

const python = process.env['TEMPER_TEST_PYTHON'];
const tokens = [
  [5, 6, 7, 8, 9, 4],
  [10, 11, 12, 13, 0, 0],
];
const mask = [
  [1, 1, 1, 1, 1, 1],
  [1, 1, 1, 1, 0, 0],
];

interface Result {
  readonly magnitude: number;
  readonly pytorch: number;
  readonly peft: number;
  readonly changed: number;
  readonly missing: string[];
  readonly unexpected: string[];
  readonly ids: number[][];
  readonly decoded: string[];
}

let scratch: string;
beforeAll(async () => void (scratch = await mkdtemp(join(tmpdir(), 'export-python-'))));
afterAll(() => rm(scratch, { recursive: true }));

async function check(...cases: object[]): Promise<Result[]> {
  const path = join(scratch, 'cases.json');
  await writeFile(path, JSON.stringify(cases.map((each) => ({ tokens, mask, ...each }))));
  const script = join(packageRoot(), 'models/fixtures/export_check.py');
  const { stdout } = await promisify(execFile)(python as string, [script, path], { maxBuffer: 1 << 24 });
  return JSON.parse(stdout.trim().split('\n').at(-1) as string) as Result[];
}

async function imported(name: string, road = 'optimum') {
  const folder = await unpackFixture(name, road, join(scratch, `${name}-${road}`));
  const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')) as JsonObject;
  const network = await importNetwork({ onnxPath: join(folder, 'onnx/model.onnx'), config });
  return { folder, config, network, parameters: network.parameters };
}

/** Writes a model with an adapter in every form: what the check compares. */
async function adapted(name: string, road = 'optimum') {
  const model = await imported(name, road);
  const { config, network } = model;
  const start = await readAdapter(adapterFolder(name, 'all-linear'));
  // A new adapter's B is zero: nothing would be seen.
  const modules = start.modules.map((each, n) => ({
    ...each,
    b: { shape: each.b.shape, data: each.b.data.map((_, i) => 0.05 * Math.sin(1 + i + n)) },
  }));
  const adapter = { ...start, modules, saved: new Map([...start.saved]) };
  const values = mergedValues({ ...network, read: readParameter }, adapter);
  const [onnx, pytorch, base, folder] = ['onnx', 'pytorch', 'base', 'adapter'].map((kind) =>
    join(scratch, `${name}-${road}-${kind}`),
  ) as [string, string, string, string];
  await writeMerged({ ...model, file: network.file, values }, onnx);
  await writePytorch({ ...model, values }, pytorch);
  await writePytorch({ ...model, values: new Map() }, base);
  await writeAdapter(folder, {
    ...{ config: adapter.config, tensors: adapterTensors(adapter), saved: adapter.saved },
    fanInFanOut: config['model_type'] === 'gpt2',
    taskType: adapter.saved.size > 0 ? 'SEQ_CLS' : 'CAUSAL_LM',
  });
  return { onnx, pytorch, base, adapter: folder };
}

describe.skipIf(python === undefined)('Python', () => {
  const families = [
    'gpt2',
    'llama',
    'llama-tied',
    'qwen2',
    'qwen3',
    'gemma',
    'bert',
    'roberta',
    'distilbert',
  ];

  it(
    'gets the same logits from the merged ONNX file, transformers and PEFT',
    { timeout: 300_000 },
    async () => {
      const cases = [];
      for (const name of families) cases.push(await adapted(name));
      const results = await check(...cases);
      for (const [i, result] of results.entries()) {
        const what = `${families[i]}: ${JSON.stringify(result)}`;
        expect([result.missing, result.unexpected], what).toEqual([[], []]);
        expect(result.changed, what).toBeGreaterThan(1e-3);
        expect(result.pytorch, what).toBeLessThan(1e-4);
        expect(result.peft, what).toBeLessThan(1e-4);
      }
    },
  );

  it(
    'gets the same logits from merged weights of 4 and 16 bits, and joined ones',
    { timeout: 300_000 },
    async () => {
      const roads = ['q4', 'genai', 'fp16'];
      const cases = [];
      for (const road of roads) cases.push(await adapted('llama-tied', road));
      for (const [i, result] of (await check(...cases)).entries()) {
        const what = `${roads[i]}: ${JSON.stringify(result)}`;
        // A graph of 16 bits computes with 16 bits.
        const distance = roads[i] === 'fp16' ? 2e-2 : 1e-4;
        expect(result.changed, what).toBeGreaterThan(5 * distance);
        expect(result.pytorch, what).toBeLessThan(distance);
        expect(result.peft, what).toBeLessThan(distance);
      }
    },
  );

  it('gets the same logits from a head put on a language model', { timeout: 300_000 }, async () => {
    const cases = [];
    for (const name of ['gpt2', 'qwen2']) {
      const model = await imported(name);
      const { network } = model;
      const data = Float32Array.from({ length: 3 * network.width }, (_, i) => Math.sin(i));
      const head = {
        ...{ hiddenName: network.hiddenName as string, pooling: 'last' as const },
        weight: { shape: [3, network.width], data },
      };
      const [onnx, pytorch] = [join(scratch, `${name}-head`), join(scratch, `${name}-head-pytorch`)];
      await writeMerged({ ...model, file: network.file, values: new Map(), head }, onnx);
      await writePytorch({ ...model, values: new Map(), head }, pytorch);
      cases.push({ onnx, pytorch });
    }
    for (const result of await check(...cases)) {
      const what = JSON.stringify(result);
      expect([result.missing, result.unexpected], what).toEqual([[], []]);
      expect(result.pytorch, what).toBeLessThan(1e-4);
    }
  });

  it('loads a built-in model as GPT-2, with its tokenizer', { timeout: 300_000 }, async () => {
    const texts = ["The cat's hat: Größe", 'a  dog\nsat, on “the” mat!', '日本 CAFÉ’s'];
    const tokenizers = [learnWords(texts.slice(0, 2), { maxSize: 40 }), byteTokenizer()];
    const cases = [];
    for (const tokenizer of tokenizers) {
      const config = {
        ...{ architecture: 'gpt' as const, layers: 2, width: 16, heads: 4, context: 24 },
        vocabulary: tokenizer.vocabularySize,
      };
      const folder = join(scratch, tokenizer.kind);
      await exportBuiltin({ config, tokenizer, parameters: initialiseGpt(config, 'python') }, folder);
      cases.push({ onnx: folder, pytorch: folder, texts });
    }
    for (const [i, result] of (await check(...cases)).entries()) {
      const tokenizer = tokenizers[i] as (typeof tokenizers)[number];
      expect([result.missing, result.unexpected]).toEqual([[], []]);
      expect(result.pytorch).toBeLessThan(1e-5);
      expect(result.ids).toEqual(texts.map((text) => [tokenizer.bos, ...tokenizer.encode(text)]));
    }
  });
});
