/** @file Trainings of the fixtures as PyTorch and PEFT were run on them, for tests that compare the numbers. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { JsonObject } from '../../../base/json.js';
import { parseDevice } from '../../../onnx/device.js';
import type { Tensors } from '../../../onnx/trainer.js';
import { adapterTensors, readAdapter } from '../../export/adapter.js';
import { classLoss } from '../../losses/classification.js';
import { languageModelLoss } from '../../losses/language-model.js';
import type { TuningRow } from '../../losses/loss.js';
import { rowHeadOf } from '../../network-heads.js';
import { type Step, Tuner, type TunerOptions } from '../../tuner.js';
import { importNetwork, readParameter } from '../network.js';
import {
  adapterFolder,
  type Digest,
  digestPositions,
  type RecordedBatch,
  type RecordedRun,
  recordedTraining,
  temporaryFixture,
} from './fixtures.js';

const { adamw, clip, warmup, batches } = recordedTraining;
const classes = 3;

/** One training of a fixture. */
export interface Recipe {
  readonly name: string;
  readonly road: string;
  readonly steps: number;
  /** How many batches make a step. */
  readonly parts?: number;
  readonly adapter?: 'lora' | 'all-linear';
  /** A new head on the last token in the place of the file's. */
  readonly score?: boolean;
  /** Default one thread of the CPU. */
  readonly device?: string;
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

/** Takes the recorded batches' steps, and expects PyTorch's reports and weights. */
export async function trained(recipe: Recipe, expected: RecordedRun): Promise<void> {
  const { steps, parts = 1 } = recipe;
  await withTuner(recipe, async (tuner) => {
    const taken = Array.from({ length: steps }, (_, step) =>
      batches.slice(step * parts, (step + 1) * parts).map((batch) => microRows(recipe, batch)),
    );
    expectRun(recipe, await tuner.run(taken), await tuner.parameters(), expected);
  });
}

export function microRows(recipe: Recipe, batch: RecordedBatch): Step[number] {
  const rows = rowsOf(recipe, batch);
  return { rows, batch: rows.length, length: batch.input_ids[0]?.length as number };
}

/** A tuner of a fixture in a temporary folder. */
export async function withTuner(recipe: Recipe, use: (tuner: Tuner) => Promise<void>): Promise<void> {
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
      device: parseDevice(recipe.device ?? 'cpu:1'),
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
    expectWeight(name, own[1], expected.weights[name] as Digest, spread(recipe));
  }
}

/** PEFT puts `base_model.model.` before what it saves of a model, heads included. */
const fromPeft = (name: string) => name.replace('base_model.model.', '');

/**
 * How many times PyTorch's own distance between float32 and float64 final weights may be off. A GPU adds in another
 * order, and Adam blows up what that does to gradients that are nearly zero.
 */
const spread = ({ device = 'cpu' }: Recipe) => (device.startsWith('cpu') ? 10 : 100);

function expectWeight(name: string, { shape, data }: Tensors[string], expected: Digest, times: number): void {
  expect(shape, name).toEqual(expected.shape);
  // Adam blows up the noise of gradients that are nearly zero, as of key biases, in PyTorch as much as here.
  const within = Math.max(1e-7 * times, times * expected.distance);
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
