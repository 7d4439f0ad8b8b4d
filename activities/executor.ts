/** @file What a compute worker asks of its executor, the process in which ONNX Runtime lives. */
import type { StageProgress, StageSummary } from './context.js';

/** One stage to compute. Everything else the executor reads from the store. */
export interface Job {
  /** The plan's key, and the stage's in it. */
  readonly plan: string;
  readonly key: string;
  readonly attempt: number;
  /** Of the lease under which it is computed: names its checkpoints. */
  readonly token: string;
  /** The workflow that asked, for the manifest. */
  readonly workflow: string;
  readonly run: string;
}

export interface JobProgress extends StageProgress {
  /** The newest step that a later attempt can start from. */
  readonly checkpoint?: number;
}

/** Computes one stage at a time. */
export interface Executor {
  /** What people call it: "cpu:0". */
  readonly label: string;
  /**
   * Computes and publishes a stage.
   * @param signal aborts: the executor is asked to stop at the next step, and killed where it does not
   * @throws ExecutorDied, InputDamaged, JobStopped, or JobFailed
   */
  run(job: Job, onProgress: (progress: JobProgress) => void, signal: AbortSignal): Promise<StageSummary>;
}

/** The process ended in the middle of a stage: a native crash, a kill, no memory. */
export class ExecutorDied extends Error {
  override readonly name = 'ExecutorDied';
}

/** An artifact that the stage reads turned out missing or damaged; it has been set aside. */
export class InputDamaged extends Error {
  override readonly name = 'InputDamaged';
}

/** Stopped as asked; its checkpoint is durable. */
export class JobStopped extends Error {
  override readonly name = 'JobStopped';
}

/** The stage threw. */
export class JobFailed extends Error {
  override readonly name = 'JobFailed';
  constructor(
    message: string,
    /** Name of the error that the stage threw. */
    readonly type: string,
    /** Whether it is the user's to mend, so that no other attempt can succeed. */
    readonly final: boolean,
  ) {
    super(message);
  }
}
