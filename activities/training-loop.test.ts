/** @file A training that was cut anywhere and went on leaves the bytes of one that was not. */
import { cp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { UserError } from '../base/errors.js';
import { closeSessions } from '../onnx/session.js';
import type { Stage } from '../plan/stage.js';
import type { Manifest } from '../store/store.js';
import { manifestOf, openLaboratory, run, runAll, stageTitled, type Laboratory } from '../test/stages.js';
import { planOf, tinyModels, tinySweep } from '../test/sweeps.js';
import { Stopped, type StageProgress } from './context.js';

const steps = 24;
const plan = planOf({
  ...tinySweep,
  models: { ...tinyModels, strong: { ...tinyModels.strong, pretrain: { steps, batch: 4 } } },
  finetune: { steps, batch: 4 },
});

/** Uncut, on one thread. */
let uncut: Laboratory;
let laboratory: Laboratory;
let pretraining: Stage;
let finetuning: Stage;

beforeAll(async () => {
  uncut = await openLaboratory(plan);
  pretraining = stageTitled(uncut.plan, 'pretrain strong');
  finetuning = stageTitled(uncut.plan, 'finetune strong on soft labels by auxiliary-confidence');
  await runAll(uncut, [pretraining.key, finetuning.key]);
  laboratory = await openLaboratory(plan);
});
afterAll(async () => {
  await uncut.remove();
  await laboratory.remove();
  await closeSessions();
});

/** Weights, losses, answers along the way: everything but times. */
async function filesOf(
  at: Laboratory,
  stage: Stage,
): Promise<Pick<Manifest['files'][number], 'path' | 'sha256'>[]> {
  const { files } = await manifestOf(at, stage);
  return files.map(({ path, sha256 }) => ({ path, sha256 }));
}

/** An attempt that is asked to stop after `step` steps; returns where its checkpoint is. */
async function stopAt(stage: Stage, step: number, attempt = 1, threads = 1): Promise<number | undefined> {
  let reached = 0;
  const stopped = run(laboratory, stage, {
    attempt,
    threads,
    stepsAtOnce: 1,
    token: `attempt ${attempt}`,
    onProgress: (progress) => (reached = progress.step),
    shouldStop: () => reached >= step,
  });
  await expect(stopped).rejects.toThrow(Stopped);
  return (await checkpoint(stage))?.step;
}

const checkpoint = (stage: Stage) => laboratory.store.checkpoints(stage, 'anyone').latest();

/** Goes on to the end; returns what the attempt told of its progress. */
async function finish(stage: Stage, attempt: number, threads = 1): Promise<StageProgress[]> {
  const seen: StageProgress[] = [];
  await run(laboratory, stage, {
    attempt,
    threads,
    token: `attempt ${attempt}`,
    onProgress: (progress) => void seen.push(progress),
  });
  return seen;
}

/** All that a stage needs is there, and nothing of the stage itself. */
async function prepare(stage: Stage): Promise<void> {
  const { store } = laboratory;
  await runAll(laboratory, Object.values(stage.inputs).flat());
  await rm(join(store.root, 'artifacts', stage.kind, stage.key), { recursive: true, force: true });
  await store.dropCheckpoints(stage);
}

describe.each([
  ['pretraining', () => pretraining],
  ['fine-tuning', () => finetuning],
] as const)('a %s', (_, stageOf) => {
  let stage: Stage;
  beforeEach(async () => {
    stage = stageOf();
    await prepare(stage);
  });

  it.each([1, 2, 3, 11, 23])('stopped after step %i goes on to the same bytes', async (step) => {
    const saved = await stopAt(stage, step);
    expect(saved).toBeGreaterThanOrEqual(step);
    const [first] = await finish(stage, 2);
    expect(first!.step).toBeGreaterThan(saved!);
    expect(await filesOf(laboratory, stage)).toEqual(await filesOf(uncut, stage));
  });

  it('cut again and again, on one thread and on two, ends with the same bytes', async () => {
    const stops = [2, 5, 13, 20];
    for (const [attempt, step] of stops.entries())
      expect(await stopAt(stage, step, attempt + 1, 1 + (attempt % 2))).toBe(step);
    await finish(stage, 5, 2);
    expect(await filesOf(laboratory, stage)).toEqual(await filesOf(uncut, stage));
  });

  it('killed long after its last checkpoint, repeats what was lost and ends with the same bytes', async () => {
    await stopAt(stage, 4);
    const aside = join(laboratory.folder, 'aside');
    await cp((await checkpoint(stage))!.folder, aside, { recursive: true });
    await stopAt(stage, 15, 2);
    // What a kill -9 at step 15 would have left behind: the older checkpoint alone.
    await laboratory.store.dropCheckpoints(stage);
    await rm(join(aside, 'checkpoint.json'));
    await laboratory.store
      .checkpoints(stage, 'attempt 1')
      .save(4, (folder) => cp(aside, folder, { recursive: true }));
    await rm(aside, { recursive: true });
    const [first] = await finish(stage, 3);
    expect(first!.step).toBeLessThan(15);
    expect(await filesOf(laboratory, stage)).toEqual(await filesOf(uncut, stage));
  });

  it('whose newest checkpoint is torn goes on from the one before', async () => {
    await stopAt(stage, 3);
    await stopAt(stage, 14, 2);
    const newest = (await checkpoint(stage))!;
    await rename(join(newest.folder, 'along.json'), join(newest.folder, 'along.json.gone'));
    expect((await checkpoint(stage))?.step).toBe(3);
    await finish(stage, 3);
    expect(await filesOf(laboratory, stage)).toEqual(await filesOf(uncut, stage));
  });

  it('on two threads leaves the bytes of one on one', async () => {
    await finish(stage, 1, 2);
    expect(await filesOf(laboratory, stage)).toEqual(await filesOf(uncut, stage));
  });
});

it('a stage that is asked to stop before its first step leaves no checkpoint, and nothing in the store', async () => {
  await prepare(finetuning);
  await expect(run(laboratory, finetuning, { shouldStop: () => true })).rejects.toThrow(Stopped);
  expect(await checkpoint(finetuning)).toBeUndefined();
  const { published } = await laboratory.store.probe([{ kind: finetuning.kind, key: finetuning.key }]);
  expect(published).toEqual([]);
});

it('a loss that is not a number is the user’s to mend: says where it was lost and what to change', async () => {
  const wild = await openLaboratory(
    planOf({ ...tinySweep, finetune: { steps: 9, batch: 4, 'learning-rate': 1e30 } }),
  );
  try {
    const failed = runAll(wild, [stageTitled(wild.plan, 'finetune weak').key]);
    await expect(failed).rejects.toThrow(UserError);
    await expect(failed).rejects.toThrow(
      /the loss is (NaN|Infinity) at step [2-9]\. Lower the learning rate/,
    );
  } finally {
    await wild.remove();
  }
});
