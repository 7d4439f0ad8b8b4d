/** @file The compute activities: a stage kind each, from the lease to the published artifact. */
import { activityInfo, cancellationDetails, cancellationSignal, heartbeat, log } from '@temporalio/activity';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { messageOf } from '../base/errors.js';
import { inputKeys, type Stage, type StageKey } from '../plan/stage.js';
import { clearFailure } from '../store/failures.js';
import { isLease, LeaseLost, thisProcess, type Lease, type Store } from '../store/store.js';
import type { StageResult } from '../workflows/stages.js';
import type { StageProgress, StageSummary } from './context.js';
import { ExecutorDied, InputDamaged, JobFailed, JobStopped, type Executor } from './executor.js';
import { loadPlan, type StoredPlan } from './plans.js';

/** Between heartbeats, which also bring news of a cancellation. */
const heartbeatMilliseconds = 1_000;
const renewMilliseconds = 5_000;
/** How often an input may turn out damaged while its stage is tried. */
const repairsAtMost = 10;

export interface ComputeOptions {
  readonly store: Store;
  readonly executor: Executor;
  /** Told what the worker does, and `null` when it is done. */
  readonly onProgress: (stage: Stage | null, progress?: StageProgress) => void;
}

type Compute = (input: { plan: string; key: StageKey }) => Promise<StageResult>;

/** One activity per kind, so that the Temporal UI and its filters speak of kinds. */
export interface ComputeActivities {
  shard: Compute;
  pretrain: Compute;
  finetune: Compute;
  label: Compute;
  refine: Compute;
  evaluate: Compute;
}

export function createComputeActivities(options: ComputeOptions): ComputeActivities {
  const compute: Compute = async ({ plan: planKey, key }) => {
    const plan = await loadPlan(options.store, planKey);
    try {
      return await new Materialization(options, plan).run(plan.stage(key));
    } finally {
      options.onProgress(null);
    }
  };
  return {
    shard: compute,
    pretrain: compute,
    finetune: compute,
    label: compute,
    refine: compute,
    evaluate: compute,
  };
}

/** One activity's attempt at a stage, and at whatever inputs have to be remade for it. */
class Materialization {
  readonly #options: ComputeOptions;
  readonly #plan: StoredPlan;
  readonly #warnings: string[] = [];
  /** The newest durable step, for whoever continues. */
  #checkpoint: number | undefined;

  constructor(options: ComputeOptions, plan: StoredPlan) {
    this.#options = options;
    this.#plan = plan;
  }

  async run(stage: Stage): Promise<StageResult> {
    // What the attempt before this one knew, so that being cut off at once does not look like having got nowhere.
    this.#checkpoint = (activityInfo().heartbeatDetails as { step?: number } | undefined)?.step;
    const summary = await this.#materialize(stage);
    return { ...summary, computed: summary !== undefined, warnings: this.#warnings };
  }

  /** Undefined where the store had it. */
  async #materialize(stage: Stage): Promise<StageSummary | undefined> {
    if (await this.#isPublished(stage)) return undefined;
    const owner = thisProcess(this.#options.executor.label);
    const lease = await this.#options.store.lease(stage, owner);
    if (!isLease(lease)) {
      throw ApplicationFailure.nonRetryable(
        `${stage.title} is being computed by ${lease.heldBy.label}`,
        'LeaseHeld',
      );
    }
    try {
      // Whoever held the lease until now may have published.
      if (await this.#isPublished(stage)) return undefined;
      for (let repairs = 0; ; repairs++) {
        await this.#remakeInputs(stage);
        try {
          return await this.#compute(stage, lease);
        } catch (error) {
          if (!(error instanceof InputDamaged) || repairs >= repairsAtMost)
            throw asFailure(error, this.#checkpoint);
          this.#warn(error.message);
        }
      }
    } finally {
      await lease.release();
    }
  }

  async #remakeInputs(stage: Stage): Promise<void> {
    for (const key of inputKeys(stage)) {
      const input = this.#plan.stage(key);
      if ((await this.#materialize(input)) !== undefined) this.#warn(`remade: ${input.title}`);
    }
  }

  async #isPublished({ kind, key }: Stage): Promise<boolean> {
    const { published, damaged } = await this.#options.store.probe([{ kind, key }]);
    for (const { ref, reason } of damaged)
      this.#warn(`${ref.kind} ${ref.key.slice(0, 12)} set aside: ${reason}`);
    return published.length > 0;
  }

  async #compute(stage: Stage, lease: Lease): Promise<StageSummary> {
    const { store, executor, onProgress } = this.#options;
    const { attempt, workflowExecution } = activityInfo();
    const abort = new AbortController();
    const cancel = (): void => abort.abort(new JobStopped('cancelled'));
    cancellationSignal().addEventListener('abort', cancel, { once: true });
    if (cancellationSignal().aborted) cancel();
    const renewal = setInterval(() => {
      lease.renew().catch((error: unknown) => {
        // A holder that has lost its lease must not go on. A disk that is full for a while takes nothing from it
        // before its time.
        if (error instanceof LeaseLost || Date.now() > lease.expiresAt) abort.abort(error);
        else log.warn(`the lease on ${stage.title} could not be renewed: ${messageOf(error)}`);
      });
    }, renewMilliseconds);
    const beat = (): void => heartbeat(this.#checkpoint === undefined ? {} : { step: this.#checkpoint });
    const beats = setInterval(beat, heartbeatMilliseconds);
    beat();
    onProgress(stage);
    try {
      const summary = await executor.run(
        {
          plan: this.#plan.key,
          key: stage.key,
          attempt,
          token: lease.token,
          workflow: workflowExecution?.workflowId ?? '',
          run: workflowExecution?.runId ?? '',
        },
        (progress) => {
          this.#checkpoint = progress.checkpoint ?? this.#checkpoint;
          onProgress(stage, progress);
        },
        abort.signal,
      );
      await clearFailure(store.root, stage);
      await store.dropCheckpoints(stage);
      return summary;
    } finally {
      clearInterval(renewal);
      clearInterval(beats);
      cancellationSignal().removeEventListener('abort', cancel);
    }
  }

  #warn(message: string): void {
    this.#warnings.push(message);
    log.warn(message);
  }
}

/** The typed failure that the workflow's retry rules speak of. */
function asFailure(error: unknown, checkpoint: number | undefined): unknown {
  const details = checkpoint === undefined ? [] : [{ step: checkpoint }];
  if (error instanceof JobStopped) {
    // On a worker's shutdown the server schedules the stage again; its successor starts from the checkpoint.
    if (cancellationDetails()?.workerShutdown === true) {
      return ApplicationFailure.create({
        message: 'the worker was shut down',
        type: 'WorkerShutdown',
        details,
      });
    }
    return new CancelledFailure(error.message);
  }
  if (error instanceof ExecutorDied) {
    return ApplicationFailure.create({ message: error.message, type: error.name, details });
  }
  if (error instanceof JobFailed) {
    return ApplicationFailure.create({
      message: error.message,
      type: error.type,
      nonRetryable: error.final,
      details,
    });
  }
  return error;
}
