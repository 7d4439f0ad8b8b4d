/** @file The messages between a compute worker and its executor. */
import type { StageSummary } from '../activities/context.js';
import type { Job, JobProgress } from '../activities/executor.js';

/** What the executor is told when it starts, as its one argument. */
export interface ExecutorOptions {
  readonly store: string;
  readonly label: string;
  readonly threads: number;
}

export type ToExecutor = { readonly type: 'run'; readonly job: Job } | { readonly type: 'stop' };

export type FromExecutor =
  | { readonly type: 'ready' }
  | { readonly type: 'progress'; readonly progress: JobProgress }
  | { readonly type: 'done'; readonly summary: StageSummary }
  | { readonly type: 'stopped' }
  | { readonly type: 'input-damaged'; readonly message: string }
  | { readonly type: 'failed'; readonly name: string; readonly message: string; readonly final: boolean };
