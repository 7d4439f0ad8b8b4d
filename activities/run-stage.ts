/** @file Computing one stage: reads its inputs, runs its kind's function, publishes what it left. */
import { setImmediate } from 'node:timers/promises';
import { runtime } from '../base/runtime.js';
import type { Stage } from '../plan/stage.js';
import {
  ArtifactDamaged,
  ArtifactMissing,
  withStoreErrors,
  type Artifact,
  type ManifestInput,
  type Store,
} from '../store/store.js';
import {
  Stopped,
  type StageContext,
  type StageFunction,
  type StageProgress,
  type StageSummary,
} from './context.js';
import { InputDamaged } from './executor.js';
import type { StoredPlan } from './plans.js';
import { useModulesOf } from './modules.js';
import { stageFunctions } from './registry.js';

export interface StageRun {
  readonly store: Store;
  readonly plan: StoredPlan;
  readonly stage: Stage;
  readonly attempt: number;
  /** Token of the lease: names the checkpoints. */
  readonly token: string;
  readonly threads: number;
  /** Training steps between two looks at {@link shouldStop}, at most (64). */
  readonly stepsAtOnce?: number;
  /** Who computes, for the manifest. */
  readonly worker: string;
  readonly workflow?: string;
  readonly run?: string;
  readonly onProgress: (progress: StageProgress, checkpoint?: number) => void;
  /** Asked between steps. */
  readonly shouldStop: () => boolean;
}

/**
 * Computes and publishes a stage.
 * @throws InputDamaged where an artifact that it reads is missing or damaged (and set aside)
 * @throws Stopped where it was asked to stop, its checkpoint being durable
 */
export async function runStage(options: StageRun): Promise<StageSummary> {
  const { store, plan, stage, attempt, token } = options;
  const started = new Date().toISOString();
  const inputs = await readInputs(store, plan, stage);
  const log = store.log(stage, attempt);
  log.append(
    `${started} ${stage.title}: attempt ${attempt} on ${options.worker}, ${options.threads} threads`,
  );
  const checkpoints = store.checkpoints(stage, token);
  let checkpoint = (await checkpoints.latest())?.step;
  if (checkpoint !== undefined) log.append(`continues from the checkpoint at step ${checkpoint}`);
  const draft = await store.draft(stage);
  const context: StageContext = {
    stage,
    input: (role) => {
      const [artifact, ...more] = artifactsOf(inputs, role, stage);
      if (artifact === undefined || more.length > 0)
        throw new RangeError(`${stage.title}: input ${role} is not one artifact`);
      return artifact;
    },
    inputs: (role) => artifactsOf(inputs, role, stage),
    has: (role) => inputs.has(role),
    folder: draft.folder,
    checkpoints: {
      damaged: checkpoints.damaged,
      latest: () => checkpoints.latest(),
      save: async (step, write) => {
        await checkpoints.save(step, write);
        checkpoint = step;
      },
    },
    threads: options.threads,
    stepsAtOnce: options.stepsAtOnce ?? 64,
    progress: (progress) => options.onProgress(progress, checkpoint),
    log: (line) => void log.append(line),
    breathe: async () => {
      // Messages that arrived while ONNX Runtime blocked this thread are delivered here.
      await setImmediate();
      if (options.shouldStop()) throw new Stopped('stopped as asked');
    },
    stopping: async () => {
      await setImmediate();
      return options.shouldStop();
    },
  };
  try {
    // A disk that is full while a stage writes its files is waited for, like one that is full when it publishes.
    await useModulesOf(store, stage);
    const summary = await withStoreErrors(draft.folder, () => stageFunctionOf(stage)(context));
    const finished = new Date().toISOString();
    log.append(`${finished} done`);
    await draft.publish({
      version: stage.version,
      params: stage.params,
      title: stage.title,
      inputs: [...inputs].flatMap(([role, artifacts]) =>
        artifacts.map((artifact) => asInput(role, artifact)),
      ),
      ...(stage.device === undefined ? {} : { device: stage.device }),
      runtime: { ...runtime },
      made: {
        started,
        finished,
        worker: options.worker,
        attempt,
        ...(options.workflow === undefined ? {} : { workflow: options.workflow }),
        ...(options.run === undefined ? {} : { run: options.run }),
      },
    });
    return summary;
  } catch (error) {
    log.append(
      `${new Date().toISOString()} ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    );
    throw error;
  } finally {
    await draft.discard();
  }
}

type Inputs = ReadonlyMap<string, Artifact[]>;

async function readInputs(store: Store, plan: StoredPlan, stage: Stage): Promise<Inputs> {
  const inputs = new Map<string, Artifact[]>();
  for (const [role, keys] of Object.entries(stage.inputs)) {
    const artifacts: Artifact[] = [];
    for (const key of [keys].flat()) {
      try {
        artifacts.push(await store.read({ kind: plan.stage(key).kind, key }));
      } catch (error) {
        if (error instanceof ArtifactMissing || error instanceof ArtifactDamaged)
          throw new InputDamaged(error.message);
        throw error;
      }
    }
    inputs.set(role, artifacts);
  }
  return inputs;
}

function artifactsOf(inputs: Inputs, role: string, stage: Stage): Artifact[] {
  const artifacts = inputs.get(role);
  if (artifacts === undefined) throw new RangeError(`${stage.title} was planned without an input ${role}`);
  return artifacts;
}

function asInput(role: string, { ref, manifest }: Artifact): ManifestInput {
  return { role, kind: ref.kind, key: ref.key, digest: manifest.digest };
}

function stageFunctionOf(stage: Stage): StageFunction {
  if (stage.kind === 'score') throw new RangeError(`${stage.title} is the orchestrator's to compute`);
  return stageFunctions[stage.kind];
}
