/** @file Stages run in the test's own process: real data, real ONNX Runtime, a real store in a temporary folder. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { storePlan, type StoredPlan } from '../activities/plans.js';
import { runStage, type StageRun } from '../activities/run-stage.js';
import type { Plan } from '../plan/plan.js';
import { inputKeys, type Stage, type StageKey } from '../plan/stage.js';
import { Store, type Manifest } from '../store/store.js';

/** A store of one's own, and a plan in it. */
export interface Laboratory {
  readonly folder: string;
  readonly store: Store;
  readonly plan: StoredPlan;
  remove(): Promise<void>;
}

export async function openLaboratory(plan: Plan): Promise<Laboratory> {
  const folder = await mkdtemp(join(tmpdir(), 'temper-stages-'));
  const store = await Store.open(join(folder, 'store'), { create: true });
  return {
    folder,
    store,
    plan: await storePlan(store, plan, 'test'),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

/** Runs one stage, whose inputs must be there. */
export function run(
  { store, plan }: Laboratory,
  stage: Stage,
  options: Partial<
    Pick<StageRun, 'attempt' | 'token' | 'threads' | 'stepsAtOnce' | 'onProgress' | 'shouldStop'>
  > = {},
): ReturnType<typeof runStage> {
  return runStage({
    store,
    plan,
    stage,
    attempt: 1,
    token: 'test',
    threads: 1,
    worker: 'test',
    onProgress: () => undefined,
    shouldStop: () => false,
    ...options,
  });
}

/** Runs those of the stages (and of what they need) that the store has not, inputs first. */
export async function runAll(
  laboratory: Laboratory,
  keys?: readonly StageKey[],
  options: { threads?: number } = {},
): Promise<void> {
  const { store, plan } = laboratory;
  const wanted = new Set<StageKey>(keys ?? plan.stages.map(({ key }) => key));
  for (const stage of [...plan.stages].reverse())
    if (wanted.has(stage.key)) for (const key of inputKeys(stage)) wanted.add(key);
  for (const stage of plan.stages) {
    if (!wanted.has(stage.key)) continue;
    const { published } = await store.probe([{ kind: stage.kind, key: stage.key }]);
    if (published.length === 0) await run(laboratory, stage, options);
  }
}

export async function manifestOf({ store }: Laboratory, { kind, key }: Stage): Promise<Manifest> {
  return (await store.read({ kind, key })).manifest;
}

/** The one stage whose title begins so. */
export function stageTitled(plan: StoredPlan, title: string): Stage {
  const found = plan.stages.filter((stage) => stage.title.startsWith(title));
  if (found.length !== 1) throw new RangeError(`${found.length} stages are titled "${title}…"`);
  return found[0]!;
}
