/** @file The workflows on a real server, with activities made by hand that fail, wait and count as each test needs. */
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Context } from '@temporalio/activity';
import { Client, Connection, WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ComputeActivities } from '../activities/compute.js';
import type { OrchestratorActivities, TrialPlan } from '../activities/orchestrator.js';
import { workflowBundle } from '../base/folders.js';
import { startServer, type LocalServer } from '../worker/server.js';
import type { SweepInput, SweepOutcome, StageRef } from '../workflows/messages.js';
import { computeQueue, orchestratorQueue } from '../workflows/queues.js';
import { searchAttributeTypes } from '../workflows/search-attributes.js';

let folder: string;
let server: LocalServer;
let client: Client;
let native: NativeConnection;

beforeAll(async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'temper-workflows-')));
  server = await startServer({ folder, log: () => undefined, searchAttributes: searchAttributeTypes });
  client = new Client({ connection: await Connection.connect({ address: server.address }) });
  native = await NativeConnection.connect({ address: server.address });
});
afterAll(async () => {
  await native.close();
  await client.connection.close();
  await server.stop();
  rmSync(folder, { recursive: true });
});

/** A sweep of one batch as data: stages of the sweep, of the batch, and trials with a stage each. */
interface Shape {
  readonly name: string;
  readonly shared: StageRef[];
  readonly inBatch: StageRef[];
  readonly trials: TrialPlan[];
}

function stageRef(key: string, inputs: string[] = []): StageRef {
  return { key, kind: 'finetune', title: `stage ${key}`, inputs, device: 'cpu' };
}

/** Trials `0`, `1`, …, ten to a cell, the n-th with the stage `own n` made from `needs(n)`. */
function trials(count: number, needs: (index: number) => string[]): TrialPlan[] {
  return Array.from({ length: count }, (_, index) => ({
    trial: {
      id: `trial ${index}`,
      cell: `cell ${Math.floor(index / 10)}`,
      task: 'task',
      taskValues: {},
      weak: 'weak',
      strong: 'strong',
      method: `method ${index}`,
      methodValues: {},
      role: 'method',
      seed: 0,
      evaluation: `own ${index}`,
    },
    stages: [stageRef(`own ${index}`, needs(index))],
    needs: needs(index),
  }));
}

type ComputeStage = (key: string) => Promise<void>;

/** What happened in a run. */
interface Happened {
  /** Stage → how often its computation succeeded. */
  readonly computed: Map<string, number>;
  /** Stage → the failure that was recorded. */
  readonly recorded: Map<string, string>;
  readonly scored: string[];
}

/** Runs `work` while workers serve a sweep of that shape, whose store is a set of keys. */
async function serving<T>(
  shape: Shape,
  compute: ComputeStage,
  work: (happened: Happened) => Promise<T>,
): Promise<T> {
  const published = new Set<string>();
  const happened: Happened = { computed: new Map(), recorded: new Map(), scored: [] };
  const orchestrator: OrchestratorActivities = {
    plan: async () => ({
      plan: 'plan',
      trials: shape.trials.length,
      stageCount: shape.shared.length + shape.inBatch.length + shape.trials.length,
      stages: shape.shared,
      batches: [{ index: 0, needs: shape.shared.map(({ key }) => key), trials: shape.trials.length }],
      published: shape.shared.map(({ key }) => key).filter((key) => published.has(key)),
      computed: 0,
      warnings: [],
    }),
    loadBatch: async () => ({
      stages: shape.inBatch,
      cells: [...new Set(shape.trials.map(({ trial }) => trial.cell))],
      trials: shape.trials,
      published: [...published],
    }),
    probe: async ({ keys }) => ({ published: keys.filter((key) => published.has(key)) }),
    readAccuracy: async () => ({ accuracy: 0.5 }),
    recordFailure: async ({ key, error }) => void happened.recorded.set(key, error),
    score: async ({ cell }) => void happened.scored.push(cell),
    report: async () => ({ markdown: '', report: '' }),
  };
  const stage: ComputeActivities['finetune'] = async ({ key }) => {
    await compute(key);
    published.add(key);
    happened.computed.set(key, (happened.computed.get(key) ?? 0) + 1);
    return { computed: true, accuracy: 0.5, warnings: [] };
  };
  const computing: ComputeActivities = {
    shard: stage,
    pretrain: stage,
    finetune: stage,
    label: stage,
    refine: stage,
    evaluate: stage,
  };
  const common = { connection: native, shutdownForceTime: '5 seconds' } as const;
  const workers = await Promise.all([
    Worker.create({
      ...common,
      taskQueue: orchestratorQueue(shape.name),
      workflowBundle: { codePath: workflowBundle() },
      activities: orchestrator,
    }),
    Worker.create({
      ...common,
      taskQueue: computeQueue(shape.name, 'cpu'),
      activities: computing,
      maxHeartbeatThrottleInterval: '200 milliseconds',
    }),
  ]);
  const [first, second] = workers;
  return first.runUntil(second.runUntil(() => work(happened)));
}

function start(shape: Shape, more: Partial<SweepInput> = {}) {
  const input: SweepInput = {
    sweep: shape.name,
    definition: {},
    queue: shape.name,
    attempts: 2,
    trialsAtOnce: 10,
    maximumEvents: 4000,
    ...more,
  };
  const workflowId = `sweep/${shape.name}`;
  return client.workflow.start('sweep', {
    workflowId,
    taskQueue: orchestratorQueue(shape.name),
    args: [input],
  });
}

async function runOf(shape: Shape, more?: Partial<SweepInput>): Promise<SweepOutcome> {
  return (await (await start(shape, more)).result()) as SweepOutcome;
}

it('a stage that fails for good fails those who need it, by its name, and nobody else', async () => {
  const shape: Shape = {
    name: 'failing',
    shared: [stageRef('good'), stageRef('bad')],
    inBatch: [stageRef('labels', ['bad'])],
    trials: trials(6, (index) => (index % 3 === 0 ? ['labels'] : ['good'])),
  };
  const attempts: string[] = [];
  const compute: ComputeStage = async (key) => {
    attempts.push(key);
    if (key === 'bad') throw new Error('the loss is NaN');
  };
  await serving(shape, compute, async (happened) => {
    const outcome = await runOf(shape);
    expect(outcome).toMatchObject({ trials: 6, done: 4, failed: 2 });
    expect(Object.fromEntries(happened.recorded)).toEqual({ bad: 'stage bad: the loss is NaN' });
    expect(attempts.filter((key) => key === 'bad')).toHaveLength(2);
    expect(attempts).not.toContain('labels');
    const { count } = await client.workflow.count(`WorkflowType='trial' AND TemperSweep='failing'`);
    expect(count).toBe(4);
  });
});

it('a mistake of the user is tried once', async () => {
  const shape: Shape = {
    name: 'mistaken',
    shared: [stageRef('bad')],
    inBatch: [],
    trials: trials(1, () => ['bad']),
  };
  let attempts = 0;
  const compute: ComputeStage = async () => {
    attempts++;
    throw ApplicationFailure.create({
      message: 'there is no column "x"',
      type: 'UserError',
      nonRetryable: true,
    });
  };
  await serving(shape, compute, async () => {
    expect(await runOf(shape, { attempts: 3 })).toMatchObject({ done: 0, failed: 1 });
    expect(attempts).toBe(1);
  });
});

it('a stage that another worker computes, or that finds the disk full, is waited for', async () => {
  const shape: Shape = {
    name: 'waiting',
    shared: [stageRef('held'), stageRef('full')],
    inBatch: [],
    trials: trials(1, () => ['held', 'full']),
  };
  const tried = new Set<string>();
  const obstacles: Record<string, string> = { held: 'LeaseHeld', full: 'StoreFull' };
  const compute: ComputeStage = async (key) => {
    const type = obstacles[key];
    if (type === undefined || tried.has(key)) return;
    tried.add(key);
    throw ApplicationFailure.create({ message: 'no space', type });
  };
  await serving(shape, compute, async (happened) => {
    const outcome = await runOf(shape, { attempts: 1 });
    expect(outcome).toMatchObject({ done: 1, failed: 0, warnings: ['stage full waits for space: no space'] });
    expect(happened.recorded.size).toBe(0);
  });
});

it('an interruption that leaves a later checkpoint costs no attempt', async () => {
  const shape: Shape = {
    name: 'interrupted',
    shared: [stageRef('long')],
    inBatch: [],
    trials: trials(1, () => ['long']),
  };
  let step = 0;
  const compute: ComputeStage = async (key) => {
    if (key !== 'long' || step === 5) return;
    step++;
    throw ApplicationFailure.create({ message: 'killed', type: 'ExecutorDied', details: [{ step }] });
  };
  await serving(shape, compute, async () => {
    expect(await runOf(shape, { attempts: 1 })).toMatchObject({ done: 1, failed: 0 });
  });
});

it('interruptions without any progress end, after attempts at attempts', async () => {
  const shape: Shape = {
    name: 'barren',
    shared: [stageRef('deadly')],
    inBatch: [],
    trials: trials(1, () => ['deadly']),
  };
  let attempts = 0;
  const compute: ComputeStage = async () => {
    attempts++;
    throw ApplicationFailure.create({ message: 'killed', type: 'ExecutorDied' });
  };
  await serving(shape, compute, async () => {
    expect(await runOf(shape, { attempts: 2 })).toMatchObject({ done: 0, failed: 1 });
    expect(attempts).toBe(4);
  });
});

it('a batch of a hundred trials continues as new within 200 events, and computes nothing twice', async () => {
  const shape: Shape = {
    name: 'continued',
    shared: [stageRef('model')],
    inBatch: [stageRef('labels', ['model'])],
    trials: trials(100, () => ['labels']),
  };
  const bad = 'own 7';
  const compute: ComputeStage = async (key) => {
    if (key === bad) throw new Error('never');
  };
  await serving(shape, compute, async (happened) => {
    const outcome = await runOf(shape, { maximumEvents: 200, attempts: 1 });
    expect(outcome).toMatchObject({ trials: 100, done: 99, failed: 1, computed: 101 });
    expect([...happened.computed.values()].every((times) => times === 1)).toBe(true);
    expect(happened.computed.size).toBe(101);
    expect(new Set(happened.scored).size).toBe(10);
    const { count } = await client.workflow.count(`WorkflowId='sweep/continued/batch 1'`);
    expect(count).toBeGreaterThan(1);
    // What failed is known to the run that continues; it is not tried again.
    expect((await client.workflow.count(`WorkflowId='sweep/continued/trial 7'`)).count).toBe(1);
  });
});

it('cancelled, it closes its children before itself', async () => {
  const shape: Shape = {
    name: 'cancelled',
    shared: [],
    inBatch: [stageRef('labels')],
    trials: trials(5, () => ['labels']),
  };
  let waiting = 0;
  const compute: ComputeStage = async (key) => {
    if (key === 'labels') return;
    waiting++;
    const context = Context.current();
    const beats = setInterval(() => context.heartbeat(), 100);
    await context.cancelled.finally(() => clearInterval(beats));
  };
  await serving(shape, compute, async () => {
    const handle = await start(shape);
    while (waiting < 5) await new Promise((resolve) => setTimeout(resolve, 50));
    await handle.cancel();
    await expect(handle.result()).rejects.toThrow(WorkflowFailedError);
    const closed = await Promise.all(
      ['', '/batch 1', ...shape.trials.map(({ trial }) => `/${trial.id}`)].map(async (suffix) => {
        const { status, closeTime } = await client.workflow.getHandle(`sweep/cancelled${suffix}`).describe();
        expect(status.name).toBe('CANCELLED');
        return closeTime!.getTime();
      }),
    );
    const [sweep, batch, ...each] = closed as [number, number, ...number[]];
    expect(sweep).toBeGreaterThanOrEqual(batch);
    for (const trial of each) expect(batch).toBeGreaterThanOrEqual(trial);
  });
});
