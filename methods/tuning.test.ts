/** @file Methods that differ in their loss alone, through the real training: where they must agree, and where not. */
import { dirname } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readEvaluation } from '../activities/evaluation.js';
import type { JsonObject } from '../base/json.js';
import { readLabels } from '../datasets/shards.js';
import { closeSessions } from '../onnx/session.js';
import type { Stage } from '../plan/stage.js';
import { openLaboratory, runAll, type Laboratory } from '../test/stages.js';
import { planOf, tinySweep } from '../test/sweeps.js';

const steps = 4;

/** Each is a student of the same weak labels. */
const students = {
  naive: { naive: {} },
  'naive on hard labels': { naive: { labels: 'hard' } },
  'naive on four items': { naive: { items: 4 } },
  kl: { kl: {} },
  'reverse-kl': { 'reverse-kl': {} },
  'reverse-kl without its reverse': { 'reverse-kl': { share: 0 } },
  confidence: { confidence: { warmup: 0.5 } },
  'confidence, its warm-up in steps': { confidence: { 'warmup-steps': steps / 2 } },
  'confidence as released by openai': { confidence: { warmup: 0.5, compatibility: 'openai' } },
  'confidence in balanced batches': { confidence: { warmup: 0.5, balance: true } },
  'confidence without weight': { confidence: { alpha: 0 } },
  product: { product: {} },
  'product without the student': { product: { beta: 0 } },
  'window, half': { window: { radius: 'midweak' } },
  'window, whole': { window: { radius: 0.5 } },
  entropy: { entropy: { warmup: 0 } },
  'entropy as released by EleutherAI': { entropy: { warmup: 0, compatibility: 'eleutherai' } },
  'adaptive-confidence': { 'adaptive-confidence': {} },
} satisfies Record<string, Record<string, JsonObject>>;
type Student = keyof typeof students;

let laboratory: Laboratory;

const sweep = {
  ...tinySweep,
  methods: Object.values(students),
  controls: 'none',
  // The whole of B in each batch: what is left out of one is left out.
  finetune: { steps, batch: 8, 'learning-rate': 0.05 },
} satisfies JsonObject;

beforeAll(async () => {
  laboratory = await openLaboratory(planOf(sweep));
  await runAll(
    laboratory,
    evaluations().map(({ key }) => key),
  );
});
afterAll(async () => {
  await closeSessions();
  await laboratory.remove();
});

const stageOf = (key: string): Stage => laboratory.plan.stages.find((stage) => stage.key === key)!;
const evaluations = (): Stage[] =>
  laboratory.plan.cells
    .flatMap(({ trials }) => trials)
    .filter(({ role }) => role === 'method')
    .map(({ evaluation }) => stageOf(evaluation));

const evaluationOf = (name: Student): Stage => evaluations()[Object.keys(students).indexOf(name)]!;

async function folderOf({ kind, key }: Stage): Promise<string> {
  const artifact = await laboratory.store.read({ kind, key });
  return dirname(artifact.path(artifact.manifest.files[0]!.path));
}

/** How far what two students answer to the test split is apart, at most. */
async function distance(a: Student, b: Student): Promise<number> {
  const [first, second] = await Promise.all(
    [a, b].map(async (name) => readLabels([await folderOf(evaluationOf(name))], 'test')),
  );
  const differences = first!.flatMap(({ probabilities }, item) =>
    probabilities.map((p, choice) => Math.abs(p - second![item]!.probabilities[choice]!)),
  );
  return Math.max(...differences);
}

describe('students that are taught the same', () => {
  it.each<[Student, Student]>([
    ['kl', 'naive'],
    ['reverse-kl without its reverse', 'naive'],
    ['confidence without weight', 'naive'],
    ['confidence, its warm-up in steps', 'confidence'],
    ['product without the student', 'naive'],
    ['window, whole', 'naive'],
  ])('%s: %s', async (name, other) => {
    // Gradients that are the same but for rounding, after a few steps of AdamW.
    expect(await distance(name, other)).toBeLessThan(5e-4);
  });
});

describe('students that are taught otherwise', () => {
  it.each<[Student, Student]>([
    ['naive on hard labels', 'naive'],
    ['naive on four items', 'naive'],
    ['reverse-kl', 'naive'],
    ['confidence', 'naive'],
    ['confidence as released by openai', 'confidence'],
    ['confidence in balanced batches', 'confidence'],
    ['product', 'naive'],
    ['window, half', 'window, whole'],
    ['entropy', 'naive'],
    ['entropy as released by EleutherAI', 'entropy'],
    ['adaptive-confidence', 'naive'],
  ])('%s: not %s', async (name, other) => {
    expect(await distance(name, other)).toBeGreaterThan(2e-3);
  });
});

it('midweak: the window is measured on the labels that the training was given', async () => {
  const student = stageOf(evaluationOf('naive').inputs['model'] as string);
  const shards = [student.inputs['labels']!].flat();
  const labels = await readLabels(await Promise.all(shards.map((key) => folderOf(stageOf(key)))), 'B');
  const weak = labels.map(({ probabilities }) => Math.max(...probabilities) - 0.5).sort((a, b) => a - b);
  const radius = weak[Math.floor((weak.length - 1) / 2)]!;
  const other = await openLaboratory(planOf({ ...sweep, methods: [{ window: { radius } }] }));
  try {
    const { evaluation } = other.plan.cells[0]!.trials.find(({ role }) => role === 'method')!;
    await runAll(other, [evaluation]);
    const [byNumber, byName] = await Promise.all([
      readEvaluation(await other.store.read({ kind: 'evaluate', key: evaluation })),
      readEvaluation(await laboratory.store.read(evaluationOf('window, half'))),
    ]);
    expect(byName.training).toEqual(byNumber.training);
    expect(byName.training).not.toEqual([]);
  } finally {
    await other.remove();
  }
});
