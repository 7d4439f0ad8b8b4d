/**
 * @file Twenty steps of AdamW on exported models are those of PyTorch, and with adapters those of PEFT, whichever road
 * the models came by; the numbers are in models/fixtures/huggingface, beside the script that made them.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../base/json.js';
import { parseDevice } from '../../onnx/device.js';
import { closeSessions } from '../../onnx/session.js';
import type { Tensors } from '../../onnx/trainer.js';
import { adapterTensors, readAdapter } from '../export/adapter.js';
import { targetsOf } from '../lora.js';
import { classLoss } from '../losses/classification.js';
import { languageModelLoss } from '../losses/language-model.js';
import type { TuningRow } from '../losses/loss.js';
import { rowHeadOf } from '../network-heads.js';
import { type Step, Tuner, type TunerOptions } from '../tuner.js';
import { importNetwork, readParameter } from './network.js';
import {
  adapterFolder,
  type Digest,
  digestPositions,
  exported,
  type RecordedBatch,
  recordedNumbers,
  type RecordedRun,
  recordedTraining,
  temporaryFixture,
} from './testing/fixtures.js';

afterAll(closeSessions);

const { adamw, clip, warmup, batches } = recordedTraining;
const classes = 3;

interface Recipe {
  readonly name: string;
  readonly road: string;
  readonly steps: number;
  /** How many batches make a step. */
  readonly parts?: number;
  readonly adapter?: 'lora' | 'all-linear';
  /** A new head on the last token in the place of the file's. */
  readonly score?: boolean;
}

/** How far losses and gradient norms may be from PyTorch's, relatively: float16 has a unit in the last place of 1/1024. */
const tolerance = ({ road }: Recipe) => (road === 'fp16' ? 5e-3 : 1e-4);

/** A batch's rows as a user's file would have them. */
function rowsOf(recipe: Recipe, { input_ids, attention_mask, labels, classes: targets }: RecordedBatch) {
  return input_ids.map((ids, b): TuningRow => {
    const mask = attention_mask[b] as number[];
    const row = { ids, mask, labels: labels[b] as number[], target: targets[b] as number };
    // RoBERTa counts positions from its own padding token, 1.
    if (recipe.name === 'roberta') return { ...row, ids: ids.map((id, t) => (mask[t] === 1 ? id : 1)) };
    // The fused attention of onnxruntime-genai counts them from the left edge. Rotations are relative: it is the same.
    if (recipe.road === 'genai') return withoutPadding(row);
    return row;
  });
}

function withoutPadding({
  ids,
  mask,
  labels,
  target,
}: Required<Pick<TuningRow, 'ids' | 'mask' | 'labels' | 'target'>>) {
  const real = <T>(values: ArrayLike<T>) => Array.from(values).filter((_, t) => mask[t] === 1);
  return { ids: real(ids), labels: real(labels), target };
}

async function trained(recipe: Recipe, expected: RecordedRun): Promise<void> {
  const { steps, parts = 1 } = recipe;
  await withTuner(recipe, async (tuner) => {
    const taken = Array.from({ length: steps }, (_, step) =>
      batches.slice(step * parts, (step + 1) * parts).map((batch) => microRows(recipe, batch)),
    );
    expectRun(recipe, await tuner.run(taken), await tuner.parameters(), expected);
  });
}

function microRows(recipe: Recipe, batch: RecordedBatch): Step[number] {
  const rows = rowsOf(recipe, batch);
  return { rows, batch: rows.length, length: batch.input_ids[0]?.length as number };
}

async function withTuner(recipe: Recipe, use: (tuner: Tuner) => Promise<void>): Promise<void> {
  const { name, road, steps, adapter } = recipe;
  const fixture = await temporaryFixture(name, road);
  try {
    const config = JSON.parse(readFileSync(join(fixture.folder, 'config.json'), 'utf8')) as JsonObject;
    const network = await importNetwork({ onnxPath: fixture.onnxPath, config });
    const tuner = await Tuner.open({
      network,
      read: readParameter,
      loss: network.kind === 'language' && recipe.score !== true ? languageModelLoss : classLoss(classes),
      ...(recipe.score === true ? { head: rowHeadOf(network, classes, 'last') } : {}),
      ...(network.kind === 'features' ? { head: rowHeadOf(network, classes, 'mean') } : {}),
      ...(adapter === undefined ? {} : await adapted(name, adapter)),
      optimizer: {
        kind: 'adamw',
        learningRate: adamw.lr,
        betas: adamw.betas,
        eps: adamw.eps,
        weightDecay: adamw.weight_decay,
      },
      schedule: { kind: 'cosine', warmup, warmupFrom: 'zero' },
      steps,
      clipNorm: clip,
      seed: 1,
      device: parseDevice('cpu:1'),
    });
    try {
      await use(tuner);
    } finally {
      await tuner.release();
    }
  } finally {
    await fixture.remove();
  }
}

async function adapted(name: string, which: 'lora' | 'all-linear'): Promise<Partial<TunerOptions>> {
  const adapter = await readAdapter(adapterFolder(name, which));
  const saved = [...adapter.saved.keys()];
  return {
    // What peft trains whole may stand among its targets too (RoBERTa's classifier.dense), and is no adapter then.
    lora: { ...adapter.config, targets: adapter.modules.map((module) => module.name) },
    initial: { ...adapterTensors(adapter), ...Object.fromEntries(adapter.saved) },
    // PEFT trains a classifier's head as a whole.
    ...(saved.length === 0 || name === 'minilm' ? {} : { train: { matching: saved.map(quoted).join('|') } }),
  };
}

const quoted = (name: string) => name.replaceAll('.', '\\.');

function expectRun(
  recipe: Recipe,
  reports: readonly { loss: number; gradientNorm: number; learningRate: number }[],
  weights: Tensors,
  expected: RecordedRun,
): void {
  const relative = (actual: number, right: number) =>
    Math.abs(actual - right) / Math.max(Math.abs(right), 1e-9);
  expected.losses.forEach((loss, step) => {
    const report = reports[step] as (typeof reports)[number];
    expect(relative(report.loss, loss), `loss of step ${step}`).toBeLessThan(tolerance(recipe));
    expect(
      relative(report.gradientNorm, expected.gradientNorms[step] as number),
      `gradient norm of step ${step}`,
    ).toBeLessThan(tolerance(recipe));
    expect(report.learningRate, `learning rate of step ${step}`).toBeCloseTo(
      expected.learningRates[step] as number,
      9,
    );
  });
  const names = Object.keys(expected.weights);
  expect(Object.keys(weights).map(fromPeft).sort()).toEqual(names.map(fromPeft).sort());
  // PyTorch's own two runs are no measure of what float16 does.
  if (recipe.road === 'fp16') return;
  for (const name of names) {
    const own = Object.entries(weights).find(([key]) => fromPeft(key) === fromPeft(name)) as [
      string,
      Tensors[string],
    ];
    expectWeight(name, own[1], expected.weights[name] as Digest);
  }
}

/** PEFT puts `base_model.model.` before what it saves of a model, heads included. */
const fromPeft = (name: string) => name.replace('base_model.model.', '');

function expectWeight(name: string, { shape, data }: Tensors[string], expected: Digest): void {
  expect(shape, name).toEqual(expected.shape);
  // Adam blows up the noise of gradients that are nearly zero, as of key biases, in PyTorch as much as here.
  const within = Math.max(1e-6, 10 * expected.distance);
  digestPositions(data.length).forEach((at, i) => {
    const off = Math.abs((data[at] as number) - (expected.values[i] as number));
    expect(off, `${name}[${at}]`).toBeLessThan(within);
  });
  const [sum, squares] = data.reduce(([s, q], x) => [s + x, q + x * x], [0, 0] as [number, number]);
  expect(Math.abs(sum - expected.sum), `sum of ${name}`).toBeLessThan(within * data.length);
  expect(Math.abs(Math.sqrt(squares) - expected.norm), `norm of ${name}`).toBeLessThan(
    within * Math.sqrt(data.length),
  );
}

/** What is folded away in a file cannot be trained: see parity.test.ts. */
const trainable = exported.flatMap(({ name, roads }) =>
  roads
    .filter((road) => !(name === 'deberta' && road === 'slim'))
    .map((road) => ({ name, road, numbers: recordedNumbers(name) })),
);
// Four-bit weights are frozen; those of 16 bits are trained in 32, and were made from the same numbers.
const full = trainable.filter(({ road }) => road !== 'q4' && road !== 'fp16');
// Every road goes through all parameters; what is left to see of adapters does not depend on it.
const firstRoads = full.filter(({ name, road }) => road === (name === 'gpt2' ? 'dynamo' : 'optimum'));

describe('all parameters', () => {
  for (const { name, road, numbers } of full)
    it(`${name} by ${road}`, () => trained({ name, road, steps: 20 }, numbers.full));
});

describe("PEFT's default adapters", () => {
  const others = trainable.filter(({ road }) => road === 'genai' || road === 'q4' || road === 'fp16');
  for (const { name, road, numbers } of [...firstRoads, ...others])
    it(`${name} by ${road}`, () =>
      trained(
        { name, road, steps: 20, adapter: 'lora' },
        road === 'q4' ? (numbers.q4 as { lora: RecordedRun }).lora : numbers.lora,
      ));
});

describe('rank-stabilised adapters on all linear layers', () => {
  for (const { name, road, numbers } of firstRoads)
    it(`${name} by ${road}`, () =>
      trained({ name, road, steps: 20, adapter: 'all-linear' }, numbers['all-linear']));
});

describe('a new head on the last token', () => {
  for (const { name, road, numbers } of full) {
    const { score } = numbers;
    if (score !== undefined)
      it(`${name} by ${road}`, () => trained({ name, road, steps: 20, score: true }, score));
  }
});

describe('all-linear', () => {
  // peft itself fails on DistilBERT.
  for (const { name, road } of firstRoads.filter((one) => one.name !== 'distilbert'))
    it(`names the layers that it names in peft: ${name}`, async () => {
      const fixture = await temporaryFixture(name, road);
      try {
        const config = JSON.parse(readFileSync(join(fixture.folder, 'config.json'), 'utf8')) as JsonObject;
        const network = await importNetwork({ onnxPath: fixture.onnxPath, config });
        const own = targetsOf(network.linears, { targets: 'all-linear' });
        const { modules } = await readAdapter(adapterFolder(name, 'all-linear'));
        const named = (all: readonly { name: string }[]) => all.map((one) => one.name).sort();
        // MiniLM's pooler, whose output nobody asked for, is not in the file.
        const inFile = named(modules).filter((one) => name !== 'minilm' || one !== 'pooler.dense');
        expect(named(own)).toEqual(inFile);
      } finally {
        await fixture.remove();
      }
    });
});

describe('steps of four batches with unequal numbers of tokens', () => {
  for (const { name, road, numbers } of firstRoads)
    it(`${name} by ${road}`, () => trained({ name, road, steps: 5, parts: 4 }, numbers.accumulation));
});

describe('labels of first tokens, which padding on the left predicts without seeing anything', () => {
  for (const { name, road, numbers } of full.filter(({ road }) => road === 'optimum' || road === 'slim')) {
    const { unseen } = numbers;
    if (unseen === undefined) continue;
    it(`${name} by ${road}`, () =>
      withTuner({ name, road, steps: 1 }, async (tuner) => {
        const batch = { ...(batches[1] as RecordedBatch), labels: unseen.labels };
        const report = await tuner.take([microRows({ name, road, steps: 1 }, batch)]);
        expect(Math.abs(report.loss / unseen.loss - 1), 'loss').toBeLessThan(1e-4);
        expect(Math.abs(report.gradientNorm / unseen.gradientNorm - 1), 'gradient norm').toBeLessThan(1e-4);
      }));
  }
});
