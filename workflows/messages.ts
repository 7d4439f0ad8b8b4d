/** @file What travels in and out of the workflows. Stages travel as references; what they mean stays in the store. */
import { defineQuery } from '@temporalio/workflow';
import type { DeviceClass, StageKey, StageKind } from '../plan/stage.js';
import type { Trial } from '../plan/tree.js';

/** All that a workflow knows of a stage. */
export interface StageRef {
  readonly key: StageKey;
  readonly kind: StageKind;
  readonly title: string;
  readonly inputs: StageKey[];
  /** Present where it needs a compute worker of that class. */
  readonly device?: DeviceClass;
}

/** Stage key → why it failed for good, beginning with the name of the stage. */
export type Failures = Record<StageKey, string>;

/** What every workflow of the tree is told. */
export interface Common {
  readonly sweep: string;
  /** The artifact that holds the plan. */
  readonly plan: string;
  /** Suffix of the task queues: the id of the store that their workers have open. */
  readonly queue: string;
  /** Attempts at a stage that makes no progress. */
  readonly attempts: number;
  /** Open trials in one batch at most. */
  readonly trialsAtOnce: number;
  /** History events after which a workflow continues as new. */
  readonly maximumEvents: number;
  /** What the runs that this one continues have done. */
  readonly before?: Effort;
}

export interface SweepInput extends Omit<Common, 'plan'> {
  /** The sweep as it was loaded: resolved, expanded, with absolute paths. */
  readonly definition: unknown;
  /** The plan of the run that this one continues. */
  readonly plan?: string;
  readonly failures?: Failures;
}

export interface BatchInput extends Common {
  readonly index: number;
  /** Failures above, and this batch's own before it continued as new. */
  readonly failures: Failures;
  /** Trial → why it failed before the batch continued as new. */
  readonly failedTrials?: Record<string, string>;
}

export interface TrialInput extends Common {
  readonly trial: Trial;
  readonly stages: StageRef[];
  readonly failures: Failures;
}

export interface Counts {
  readonly trials: number;
  readonly done: number;
  readonly failed: number;
}

/** What a trial did for its outcome: nothing where all of it was in the store. */
export interface Effort {
  /** Stages computed. */
  readonly computed: number;
  readonly warnings: string[];
}

export type TrialOutcome = Effort &
  (
    | { readonly status: 'done'; readonly accuracy: number | null }
    | { readonly status: 'failed'; readonly error: string }
  );

export type BatchOutcome = Counts & Effort;

export interface SweepOutcome extends Counts, Effort {
  /** The plan's key in the store. */
  readonly plan: string;
  readonly stages: number;
}

/** Where a sweep or a batch stands. */
export interface Progress extends Counts {
  readonly plan: string | null;
  /** Workflow ids of the batches that are open. */
  readonly open: string[];
  readonly failures: string[];
  readonly warnings: string[];
}

export const progressQuery = defineQuery<Progress>('progress');
