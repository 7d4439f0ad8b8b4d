/** @file Students cannot see truth: with noise in its place, their labels and weights are the same, byte for byte. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../base/json.js';
import { digestOf } from '../datasets/fingerprint.js';
import { readItems, readTruth, writeTruth } from '../datasets/shards.js';
import { splits, type Item, type Split, type Truth } from '../datasets/task.js';
import { closeSessions } from '../onnx/session.js';
import type { Plan } from '../plan/plan.js';
import type { Stage, StageKey } from '../plan/stage.js';
import { closure } from '../plan/tree.js';
import { manifestOf, openLaboratory, runAll, type Laboratory } from '../test/stages.js';
import { planOf, tinyModels, tinySweep } from '../test/sweeps.js';
import { folderOf } from './artifacts.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'temper-leak-'));
});
afterAll(async () => {
  await closeSessions();
  await rm(folder, { recursive: true, force: true });
});

const sweeps: Record<string, () => Promise<Plan>> = {
  dialects: async () => Promise.resolve(planOf(tinySweep)),
  classification: async () => {
    const file = join(folder, 'mails.csv');
    const rows = Array.from({ length: 60 }, (_, n) => [
      `"mail no. ${n % 50} ${n % 3 ? 'free' : 'dear'}"`,
      n % 3 ? 'spam' : 'ham',
    ]);
    await writeFile(file, ['text,label', ...rows.map((row) => row.join(',')), ''].join('\n'));
    const sweep: JsonObject = {
      ...tinySweep,
      tasks: { mails: { type: 'classification', file } },
      models: { weak: { ...tinyModels.weak, tokenizer: 'bytes', context: 32 }, strong: tinyModels.strong },
      methods: ['naive', 'confidence'],
    };
    return planOf(sweep, { [file]: await digestOf(file) });
  },
};

describe.each(Object.keys(sweeps))('on %s, with the truth of B and of test replaced by noise', (name) => {
  let asItIs: Laboratory;
  let withNoise: Laboratory;

  beforeAll(async () => {
    const plan = await sweeps[name]!();
    asItIs = await openLaboratory(plan);
    await runAll(asItIs);
    withNoise = await openLaboratory(plan);
    for (const split of ['B', 'test'] as const) await putNoise(split);
    await runAll(withNoise);
  });
  afterAll(async () => {
    await asItIs.remove();
    await withNoise.remove();
  });

  const truthOf = (split: Split): Stage =>
    asItIs.plan.stages.find(({ params }) => params['content'] === 'truth' && params['split'] === split)!;

  /** Publishes, under the key of a split's truth, other answers to every one of its items. */
  async function putNoise(split: Split): Promise<void> {
    const stage = truthOf(split);
    const artifact = await asItIs.store.read(stage);
    const truth = await readTruth(folderOf(artifact), split);
    const draft = await withNoise.store.draft(stage);
    const noise = truth.map(({ id, label }, index): Truth => ({
      id,
      label: index % 3 === 0 ? label : 1 - label,
    }));
    await writeTruth(draft.folder, split, noise);
    await draft.publish({ ...artifact.manifest });
  }

  /** Everything a method's trial is made of, but for its evaluation. */
  const studentStages = (): Set<StageKey> => {
    const { plan } = asItIs;
    const trials = plan.cells.flatMap((cell) => cell.trials).filter(({ role }) => role === 'method');
    const evaluations = trials.map(({ evaluation }) => evaluation);
    const keys = closure(evaluations, (key) => plan.stage(key));
    return new Set(keys.filter((key) => plan.stage(key).kind !== 'evaluate' && key !== truthOf('test').key));
  };

  /** Which stages have the same bytes in both stores. */
  async function unchanged(stages: readonly Stage[]): Promise<Stage[]> {
    const same: Stage[] = [];
    for (const stage of stages) {
      const [before, after] = await Promise.all([manifestOf(asItIs, stage), manifestOf(withNoise, stage)]);
      if (before.digest === after.digest) same.push(stage);
    }
    return same;
  }

  it('weak labels, refined labels and students are the same, byte for byte', async () => {
    const behind = studentStages();
    const stages = asItIs.plan.stages.filter(({ key }) => behind.has(key));
    const kinds = new Set(stages.map(({ kind }) => kind));
    expect(kinds).toEqual(
      new Set(['shard', 'pretrain', 'finetune', 'label', ...(name === 'dialects' ? ['refine'] : [])]),
    );
    expect((await unchanged(stages)).map(({ title }) => title)).toEqual(stages.map(({ title }) => title));
  });

  it('and what may see that truth does change: the ceiling, random labels, every evaluation', async () => {
    const stages = asItIs.plan.stages.filter(
      ({ kind, title }) =>
        /^(label B with random errors|finetune strong on B's truth|finetune .*random errors)/.test(title) ||
        kind === 'evaluate',
    );
    expect(stages.length).toBeGreaterThan(6);
    expect((await unchanged(stages)).map(({ title }) => title)).toEqual([]);
  });

  it('no text stands in two splits, and items hold nothing but what may be seen', async () => {
    const stage = asItIs.plan.stages.find(({ params }) => params['content'] === 'items')!;
    const artifact = await asItIs.store.read(stage);
    const items: Item[] = [];
    for (const split of splits) items.push(...(await readItems(folderOf(artifact), split)));
    expect(new Set(items.map(({ text }) => text.trim())).size).toBe(items.length);
    expect(new Set(items.map(({ id }) => id)).size).toBe(items.length);
    for (const item of items) expect(Object.keys(item).sort()).toEqual(['choices', 'id', 'text']);
  });
});
