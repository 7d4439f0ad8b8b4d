/** @file Preference tasks through every stage of a cell: each objective, what it leaves, resumed and on other threads. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256, type JsonObject } from '../base/json.js';
import { readLabels } from '../datasets/shards.js';
import { closeSessions } from '../onnx/session.js';
import type { Plan } from '../plan/plan.js';
import { inputKeys, type Stage } from '../plan/stage.js';
import { writePreferencePairs } from '../test/preference-pairs.js';
import { manifestOf, openLaboratory, run, runAll, stageTitled, type Laboratory } from '../test/stages.js';
import { planOf } from '../test/sweeps.js';
import { folderOf } from './artifacts.js';
import { Stopped } from './context.js';
import { evaluationFile, type Evaluation } from './evaluation.js';

const gpt = {
  architecture: 'gpt',
  layers: 1,
  heads: 2,
  context: 24,
  pretrain: { steps: 4, batch: 8, warmup: 1 },
};

function sweep(file: string, pairs: { A: number; B: number; test: number }, steps: number): JsonObject {
  return {
    name: 'pairs',
    tasks: { manners: { type: 'preference', file, splits: { ...pairs, validation: 0 } } },
    models: {
      weak: { ...gpt, width: 8 },
      strong: { ...gpt, width: 16, pretrain: { steps: 20, batch: 16, warmup: 2 } },
    },
    pairs: [{ weak: 'weak', strong: 'strong' }],
    finetune: { steps, batch: 8, 'learning-rate': 5e-3 },
    methods: [
      'confidence',
      'reward-model',
      { dpo: { beta: 0.5, supervised: 0.2 } },
      { dpo: { labels: 'soft', supervised: 0 } },
      'simpo',
      'orpo',
      { 'confidence-weighted-dpo': { supervised: 0.2 } },
    ],
    controls: ['zero-shot', 'random-labels', { 'objective-ceiling': { objective: 'dpo', supervised: 0 } }],
    seeds: [0],
  };
}

const laboratories: Laboratory[] = [];
let folder = '';
let plan: Plan;
/** Every stage, on one thread and in one go. */
let lab: Laboratory;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'temper-pairs-'));
  const file = await writePreferencePairs(folder, { pairs: 140 });
  plan = planOf(sweep(file, { A: 40, B: 60, test: 40 }, 40), { [file]: sha256(await readFile(file)) });
  lab = await laboratory();
  await runAll(lab);
});
afterAll(async () => {
  for (const laboratory of laboratories) await laboratory.remove();
  await rm(folder, { recursive: true, force: true });
  await closeSessions();
});

async function laboratory(): Promise<Laboratory> {
  const opened = await openLaboratory(plan);
  laboratories.push(opened);
  return opened;
}

async function evaluationOf(of: Laboratory, stage: Stage): Promise<Evaluation> {
  const artifact = await of.store.read({ kind: stage.kind, key: stage.key });
  return JSON.parse(await readFile(artifact.path(evaluationFile), 'utf8')) as Evaluation;
}

describe('a cell of a preference task', () => {
  it('answers every trial with probabilities of either response, better than chance after training', async () => {
    const accuracies: Record<string, number> = {};
    for (const stage of lab.plan.stages.filter(({ kind }) => kind === 'evaluate')) {
      const evaluation = await evaluationOf(lab, stage);
      expect(evaluation.total).toBe(40);
      expect(new Set(evaluation.labels).size, stage.title).toBe(2);
      accuracies[stage.title.replace(/ · .*/, '')] = evaluation.value;
    }
    const trained = Object.entries(accuracies).filter(([title]) =>
      /soft labels|hard labels|truth/.test(title),
    );
    expect(trained).toHaveLength(11);
    for (const [title, accuracy] of trained) expect(accuracy, title).toBeGreaterThan(0.6);
  });

  it('gives the weak supervisor’s labels as σ of a difference of rewards', async () => {
    const stages = lab.plan.stages.filter(({ title }) => /^label B \d\/4 with weak/.test(title));
    expect(stages).toHaveLength(4);
    const folders = [];
    for (const { kind, key } of stages) folders.push(folderOf(await lab.store.read({ kind, key })));
    const labels = await readLabels(folders, 'B');
    expect(labels).toHaveLength(60);
    for (const { label, probabilities } of labels) {
      const [first, second] = probabilities as [number, number];
      expect(first + second).toBeCloseTo(1, 12);
      expect(label).toBe(first >= second ? 0 : 1);
    }
  });

  it('leaves in each model’s folder how it answers', async () => {
    const readings: Record<string, unknown> = {};
    for (const { kind, key, title } of lab.plan.stages.filter((stage) => stage.kind === 'finetune')) {
      const artifact = await lab.store.read({ kind, key });
      const { reading } = JSON.parse(await readFile(artifact.path('preference.json'), 'utf8')) as {
        reading: { by: string };
      };
      readings[/ by ([a-z-]+)/.exec(title)?.[1] ?? 'cross-entropy'] = reading;
    }
    expect(readings).toEqual({
      'cross-entropy': { by: 'score' },
      'auxiliary-confidence': { by: 'score' },
      'bradley-terry': { by: 'score' },
      'chosen-responses': { by: 'mean-log-probability', scale: 1 },
      dpo: { by: 'implicit-reward', scale: expect.any(Number) as number },
      simpo: { by: 'mean-log-probability', scale: 2 },
      orpo: { by: 'log-odds' },
    });
  });

  it('begins DPO at its reference: at step 0 it prefers neither response', async () => {
    const stage = stageTitled(lab.plan, 'finetune strong on soft labels by dpo');
    const artifact = await lab.store.read({ kind: stage.kind, key: stage.key });
    const { points } = JSON.parse(await readFile(artifact.path('trajectory.json'), 'utf8')) as {
      points: { step: number; labels: number[] }[];
    };
    expect(points[0]!.step).toBe(0);
    expect(new Set(points[0]!.labels)).toEqual(new Set([0]));
    expect(new Set(points.at(-1)!.labels).size).toBe(2);
  });
});

describe('the same bytes', () => {
  const titles = ['finetune strong on soft labels by bradley-terry', 'finetune strong on hard labels by dpo'];

  it('on two threads, and cut in the middle, as on one in one go', async () => {
    const [threads, cut] = [await laboratory(), await laboratory()];
    for (const title of titles) {
      const stage = lab.plan.stages.find((each) => each.title.startsWith(title))!;
      const before = inputKeys(stage);
      await runAll(threads, before);
      await run(threads, stage, { threads: 2 });
      const { digest } = await manifestOf(lab, stage);
      expect((await manifestOf(threads, stage)).digest, `${title}: threads`).toBe(digest);
      await runAll(cut, before);
      const steps: number[] = [];
      const onProgress = ({ step }: { step: number }) => void steps.push(step);
      const shouldStop = () => (steps.at(-1) ?? 0) >= 10;
      await expect(run(cut, stage, { stepsAtOnce: 5, onProgress, shouldStop })).rejects.toThrow(Stopped);
      const reached = steps.splice(0).at(-1)!;
      expect(reached).toBeLessThan(40);
      await run(cut, stage, { attempt: 2, onProgress });
      expect(steps[0], 'goes on from the checkpoint').toBeGreaterThan(reached);
      expect((await manifestOf(cut, stage)).digest, `${title}: cut`).toBe(digest);
    }
  });
});
