/** @file The executor as its compute worker sees it: stages computed, and every way in which one can be cut off. */
import { spawn } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ExecutorDied, JobStopped, type Job, type JobProgress } from '../activities/executor.js';
import { storePlan, type StoredPlan } from '../activities/plans.js';
import { entryPoint } from '../base/folders.js';
import { killIfThere, waitFor } from '../bench/system.js';
import { inputKeys, type Stage } from '../plan/stage.js';
import { isLease, Store, thisProcess, type Lease } from '../store/store.js';
import { planOf, tinyModels, tinySweep } from '../test/sweeps.js';
import { ExecutorProcess, type Patience } from './executor-client.js';
import { isRunning } from './processes.js';

const never = new AbortController().signal;
const ignore = (): void => undefined;

let root: string;
let store: Store;
let leases: Lease[];
let executors: ExecutorProcess[];

beforeEach(async () => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'temper-executor-')));
  store = await Store.open(root, { create: true });
  leases = [];
  executors = [];
});
afterEach(async () => {
  for (const executor of executors) await executor.close();
  for (const lease of leases) await lease.release();
  rmSync(root, { recursive: true });
});

function newExecutor(patience?: Patience): ExecutorProcess {
  const executor = new ExecutorProcess({ store: root, label: 'cpu:0', threads: 1 }, patience);
  executors.push(executor);
  return executor;
}

/** The stored plan of a tiny sweep, and its strong model's pretraining of so many steps. */
async function pretraining(steps: number): Promise<{ plan: StoredPlan; stage: Stage }> {
  const plan = await storePlan(store, planOf({ ...tinySweep, models: withSteps(steps) }), 'test');
  return { plan, stage: plan.stages.find(({ title }) => title.startsWith('pretrain strong'))! };
}

/** The job of a stage under a lease, once its inputs are there. */
async function jobOf(executor: ExecutorProcess, plan: StoredPlan, stage: Stage): Promise<Job> {
  for (const key of inputKeys(stage)) {
    await executor.run(await jobOf(executor, plan, plan.stage(key)), ignore, never);
  }
  const lease = await store.lease(stage, thisProcess('test'));
  if (!isLease(lease)) throw new Error(`${stage.title} is held`);
  leases.push(lease);
  return { plan: plan.key, key: stage.key, attempt: 1, token: lease.token, workflow: 'test', run: 'test' };
}

/** Runs a job and calls `act` once it is some steps into its training. */
function runAndThen(executor: ExecutorProcess, job: Job, act: () => void, signal = never): Promise<unknown> {
  let acted = false;
  const onProgress = ({ step }: JobProgress): void => {
    if (step > 0 && !acted) act();
    acted ||= step > 0;
  };
  return executor.run(job, onProgress, signal);
}

describe('an executor', () => {
  it('killed is told of at once, and the next run starts another that makes the same bytes', async () => {
    const { plan, stage } = await pretraining(400);
    const executor = newExecutor();
    const job = await jobOf(executor, plan, stage);
    const killed = executor.pid!;
    const cut = runAndThen(executor, job, () => killIfThere(killed));
    await expect(cut).rejects.toThrow(new ExecutorDied('the executor cpu:0 was ended by SIGKILL'));

    await executor.run(job, ignore, never);
    expect(executor.pid).not.toBe(killed);
    const { manifest } = await store.read(stage);

    const uncut = await Store.open(join(root, 'other'), { create: true });
    const other = new ExecutorProcess({ store: uncut.root, label: 'cpu:1', threads: 2 });
    executors.push(other);
    await storePlan(uncut, planOf({ ...tinySweep, models: withSteps(400) }), 'test');
    for (const key of [...inputKeys(stage), stage.key]) {
      const made = await other.run({ ...job, key }, ignore, never);
      expect(made).toEqual({});
    }
    expect((await uncut.read(stage)).manifest.digest).toBe(manifest.digest);
  });

  it('asked to stop leaves a checkpoint, stays, and goes on from there', async () => {
    const { plan, stage } = await pretraining(1_000_000);
    const executor = newExecutor();
    const job = await jobOf(executor, plan, stage);
    const { pid } = executor;

    const abort = new AbortController();
    const cut = runAndThen(executor, job, () => abort.abort(new JobStopped('enough')), abort.signal);
    await expect(cut).rejects.toThrow(new JobStopped('enough'));
    const saved = await store.checkpoints(stage, job.token).latest();
    expect(saved!.step).toBeGreaterThan(0);

    const again = new AbortController();
    let from = 0;
    const resumed = executor.run(
      job,
      ({ step, checkpoint }) => {
        from ||= checkpoint ?? 0;
        if (step > saved!.step) again.abort(new JobStopped('enough'));
      },
      again.signal,
    );
    await expect(resumed).rejects.toThrow('enough');
    expect({ from, pid: executor.pid }).toEqual({ from: saved!.step, pid });
  });

  it('that makes no progress is killed', async () => {
    const { plan, stage } = await pretraining(1_000_000);
    const executor = newExecutor({ seconds: 5, steps: 20 });
    const job = await jobOf(executor, plan, stage);
    const hangs = runAndThen(executor, job, () => killIfThere(executor.pid!, 'SIGSTOP'));
    await expect(hangs).rejects.toThrow(/the executor cpu:0 made no progress for \d+ s and was killed/);
  });

  it('says why a stage failed, and what to do', async () => {
    const strong = { ...tinyModels.strong, pretrain: { steps: 9, 'learning-rate': 1e30, warmup: 0 } };
    const plan = await storePlan(store, planOf({ ...tinySweep, models: { ...tinyModels, strong } }), 'test');
    const stage = plan.stages.find(({ title }) => title.startsWith('pretrain strong'))!;
    const executor = newExecutor();
    const job = await jobOf(executor, plan, stage);
    await expect(executor.run(job, ignore, never)).rejects.toThrow(
      /the loss is NaN at step \d+\. Lower the learning rate/,
    );
  });

  it('dies with its compute worker, in the middle of a training', async () => {
    const { plan, stage } = await pretraining(1_000_000);
    const job = await jobOf(newExecutor(), plan, stage);
    const script = `
      import { ExecutorProcess } from ${JSON.stringify(pathToFileURL(entryPoint('worker/executor-client')).href)};
      const executor = new ExecutorProcess({ store: ${JSON.stringify(root)}, label: 'cpu:9', threads: 1 });
      let told = false;
      await executor.run(${JSON.stringify(job)}, ({ step }) => {
        if (step > 0 && !told) console.log(executor.pid);
        told ||= step > 0;
      }, new AbortController().signal);
    `;
    const file = join(root, 'parent.mjs');
    writeFileSync(file, script);
    const parent = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit'] });
    const pid = await new Promise<number>((resolve) =>
      createInterface(parent.stdout).once('line', (line) => resolve(Number(line))),
    );
    expect(await isRunning(pid, root)).toBe(true);
    parent.kill('SIGKILL');
    await waitFor('its end', async () => ((await isRunning(pid, root)) ? undefined : true));
  });
});

function withSteps(steps: number): typeof tinyModels {
  return { ...tinyModels, strong: { ...tinyModels.strong, pretrain: { steps, batch: 8, warmup: 2 } } };
}
