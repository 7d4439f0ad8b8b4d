/** @file The tiny exported models of models/fixtures/huggingface, unpacked for a test, and the numbers beside them. */
import { readdirSync, readFileSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { packageRoot } from '../../../base/folders.js';

const root = join(packageRoot(), 'models/fixtures/huggingface');

/** A batch as data.json has it: padded on the left, on the right or not at all. */
export interface RecordedBatch {
  readonly input_ids: number[][];
  readonly attention_mask: number[][];
  /** Unshifted; −100 is not in the loss. */
  readonly labels: number[][];
  /** For classifiers. */
  readonly classes: number[];
}

/** How everything in numbers.json was trained. */
export interface RecordedTraining {
  readonly adamw: { lr: number; betas: [number, number]; eps: number; weight_decay: number };
  readonly clip: number;
  readonly warmup: number;
  readonly steps: number;
  readonly batches: RecordedBatch[];
}

export const recordedTraining = readJson('data.json') as RecordedTraining;

/** What is kept of a tensor: eight elements, its sum and its norm. */
export interface Digest {
  readonly shape: number[];
  readonly values: number[];
  readonly sum: number;
  readonly norm: number;
  /** The farthest that PyTorch's float32 run is from its float64 run. */
  readonly distance: number;
}

export interface RecordedRun {
  readonly losses: number[];
  readonly gradientNorms: number[];
  readonly learningRates: number[];
  readonly weights: Record<string, Digest>;
}

export interface RecordedForward {
  /** Of each row's last real token; of a classifier, of each row. */
  readonly logits: number[][];
  /** Of the absolute logits of all real tokens. */
  readonly sum: number;
  /** Residual stream, row: its first four elements at the last real token, and the norm of all. */
  readonly layers: number[][][];
}

export interface RecordedGeneration {
  readonly prompts: number[][];
  readonly eos: number;
  readonly maxNewTokens: number;
  /** With the end, where there is one. */
  readonly tokens: number[][];
  /** As if nothing ended. */
  readonly free: number[][];
  /** By how much the best logit was ahead of the second, at the closest. */
  readonly nearestTie: number;
}

export interface RecordedSampling {
  readonly prompts: number[][];
  readonly cases: {
    options: Record<string, number>;
    /** Of each prompt: token → probability, without zeros. */
    distributions: Record<string, number>[];
  }[];
}

export interface RecordedNumbers {
  readonly kind: 'language' | 'classification' | 'features';
  /** Of the batches 0 (padded right), 1 (left) and 3 (full). */
  readonly batches: RecordedForward[];
  readonly parameters: Record<string, number[]>;
  readonly full: RecordedRun;
  /** Five steps of four batches each. */
  readonly accumulation: RecordedRun;
  readonly lora: RecordedRun;
  readonly 'all-linear': RecordedRun;
  /** As transformers' sequence classifier: a head from zero on each row's last real token. */
  readonly score?: RecordedRun;
  /** Batch 1 with a label at every real token, the first of left-padded rows too, which padding predicts. */
  readonly unseen?: { labels: number[][]; loss: number; gradientNorm: number };
  readonly generation?: RecordedGeneration;
  readonly sampling?: RecordedSampling | null;
  readonly q4?: { batches: RecordedForward[]; lora: RecordedRun; generation: RecordedGeneration };
}

/** The batches that RecordedNumbers.batches is about. */
export const forwardBatches = [0, 1, 3].map((i) => recordedTraining.batches[i] as RecordedBatch);

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(join(root, path), 'utf8'));
}

export function recordedNumbers(name: string): RecordedNumbers {
  return readJson(join(name, 'numbers.json')) as RecordedNumbers;
}

/** Every architecture with the roads that it is exported by. */
export const exported: readonly { name: string; roads: string[] }[] = folders('').map((name) => ({
  name,
  roads: folders(name).filter((road) => readdirSync(join(root, name, road)).includes('model.onnx.gz')),
}));

function folders(path: string): string[] {
  const entries = readdirSync(join(root, path), { withFileTypes: true });
  return entries.flatMap((entry) => (entry.isDirectory() ? [entry.name] : [])).sort();
}

/** Where peft saved an adapter that a training starts from. */
export const adapterFolder = (name: string, adapter: 'lora' | 'all-linear') => join(root, name, adapter);

/** The positions of a tensor that a digest keeps; generate.py has the same formula. */
export function digestPositions(count: number): number[] {
  return count > 8 ? Array.from({ length: 8 }, (_, i) => (i * 7919 + 13) % count) : [...Array(count).keys()];
}

export interface Unpacked {
  /** A Hugging Face folder: config.json, onnx/model.onnx, and the tokenizer's files where there are any. */
  readonly folder: string;
  readonly onnxPath: string;
  readonly remove: () => Promise<void>;
}

/** Makes a model folder of a fixture in the system's temporary folder; whoever asked removes it. */
export async function temporaryFixture(name: string, road: string): Promise<Unpacked> {
  const folder = await mkdtemp(join(tmpdir(), `temper-${name}-${road}-`));
  await unpackFixture(name, road, folder);
  return {
    folder,
    onnxPath: join(folder, 'onnx', 'model.onnx'),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

/** Makes a model folder of a fixture in `folder`, which may exist, and returns it. */
export async function unpackFixture(name: string, road: string, folder: string): Promise<string> {
  await mkdir(join(folder, 'onnx'), { recursive: true });
  for (const entry of await readdir(join(root, name), { withFileTypes: true })) {
    if (!entry.isFile() || entry.name === 'numbers.json') continue;
    await copyFile(join(root, name, entry.name), join(folder, entry.name));
  }
  const packed = await readFile(join(root, name, road, 'model.onnx.gz'));
  await writeFile(join(folder, 'onnx', 'model.onnx'), gunzipSync(packed));
  return folder;
}
