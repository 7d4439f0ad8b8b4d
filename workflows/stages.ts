/** @file Materializing the stages of one workflow: each as soon as its own inputs are there. */
import {
  ActivityFailure,
  ApplicationFailure,
  isCancellation,
  sleep,
  TimeoutFailure,
  workflowInfo,
} from '@temporalio/workflow';
import type { StageKey } from '../plan/stage.js';
import type { Common, Effort, Failures, StageRef } from './messages.js';
import { compute, diskFull, io } from './profiles.js';

export type StageOutcome =
  /** In the store. */
  | { readonly status: 'published'; readonly computed: boolean; readonly result?: StageResult }
  /** It, or something it needs, failed for good. */
  | { readonly status: 'failed'; readonly error: string }
  /** Left to the run that continues this one. */
  | { readonly status: 'deferred' };

/** What a compute activity tells of a stage: numbers for the UI; everything else is in the artifact. */
export interface StageResult {
  /** False where it was found in the store after all. */
  readonly computed: boolean;
  readonly accuracy?: number;
  /** What had to be repaired on the way, in words. */
  readonly warnings: string[];
}

/** Failures that say nothing against the stage: it was cut off, and goes on from its last checkpoint. */
const interruptions = new Set(['ExecutorDied', 'WorkerShutdown']);

/** Where a failed attempt at a stage had got to. */
interface Attempted {
  readonly step?: number;
}

/** Seconds between looks at a stage that another worker is computing. */
const leasePollSeconds = 5;
/** Seconds between attempts while the store has no space. */
const diskPollSeconds = 10;

/** Lets at most `limit` pieces of work run at once, first come first served. */
export class Window {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(limit: number) {
    this.#free = limit;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }
}

/** Scheduled and unfinished activities of one workflow at most; the server's limit is 2,000. */
const activitiesAtOnce = 200;

/** The stages of one workflow, started once and awaited by whoever needs them. */
export class Stages {
  readonly #common: Common;
  readonly #outcomes = new Map<StageKey, Promise<StageOutcome>>();
  readonly #published: ReadonlySet<StageKey>;
  readonly #above: Failures;
  readonly #window = new Window(activitiesAtOnce);
  /** What failed for good here: carried over when the workflow continues as new. */
  readonly failures: Failures = {};
  readonly warnings: string[] = [];
  computed = 0;

  /**
   * @param published what the store was found to hold
   * @param above stages of the workflows above that failed; other stages that are not of this workflow are there
   */
  constructor(common: Common, published: ReadonlySet<StageKey>, above: Failures) {
    this.#common = common;
    this.#published = published;
    this.#above = above;
  }

  /** Starts `stages` (inputs before users), each as soon as its inputs are there. */
  start(stages: readonly StageRef[]): void {
    for (const stage of stages) this.#outcomes.set(stage.key, this.#materialize(stage));
  }

  /** How a stage of this workflow or of one above came out. */
  async outcome(key: StageKey): Promise<StageOutcome> {
    const error = this.#above[key];
    if (error !== undefined) return { status: 'failed', error };
    return (await this.#outcomes.get(key)) ?? { status: 'published', computed: false };
  }

  /** The first of the stages that did not come out, or undefined when all are published. */
  async obstacle(
    keys: readonly StageKey[],
  ): Promise<Exclude<StageOutcome, { status: 'published' }> | undefined> {
    const outcomes = await Promise.all(keys.map((key) => this.outcome(key)));
    let deferred: { status: 'deferred' } | undefined;
    for (const outcome of outcomes) {
      if (outcome.status === 'failed') return outcome;
      if (outcome.status === 'deferred') deferred = outcome;
    }
    return deferred;
  }

  /** Resolves when nothing is under way any more; rejects (with the cancellation) where the workflow is cancelled. */
  async settled(): Promise<void> {
    const results = await Promise.allSettled(this.#outcomes.values());
    const broken = results.find((result) => result.status === 'rejected');
    if (broken !== undefined) throw broken.reason;
  }

  async #materialize(stage: StageRef): Promise<StageOutcome> {
    const known = this.#above[stage.key];
    if (known !== undefined) return { status: 'failed', error: known };
    if (this.#published.has(stage.key)) return { status: 'published', computed: false };
    const obstacle = await this.obstacle(stage.inputs);
    if (obstacle !== undefined) {
      if (obstacle.status === 'failed') this.failures[stage.key] = obstacle.error;
      return obstacle;
    }
    return this.#window.run(async () => {
      if (historyIsLong(this.#common)) return { status: 'deferred' };
      return this.#compute(stage);
    });
  }

  async #compute(stage: StageRef): Promise<StageOutcome> {
    const { queue, attempts, plan } = this.#common;
    const run = compute({
      queue,
      device: stage.device ?? 'cpu',
      kind: stage.kind,
      title: stage.title,
      attempts,
    });
    let reached = -1;
    /** Interruptions since the last progress. */
    let barren = 0;
    for (;;) {
      try {
        const result = await run({ plan, key: stage.key });
        if (result.computed) this.computed++;
        this.warnings.push(...result.warnings);
        return { status: 'published', computed: result.computed, result };
      } catch (error) {
        if (isCancellation(error)) throw error;
        const pause = pauseAfter(error, stage);
        if (pause !== undefined) {
          // Each look costs some events, and what is waited for may take days.
          if (historyIsLong(this.#common)) return { status: 'deferred' };
          if (pause.warning !== undefined && !this.warnings.includes(pause.warning))
            this.warnings.push(pause.warning);
          await sleep(`${pause.seconds} seconds`, { summary: pause.reason });
          continue;
        }
        // Attempts bound how often a stage may fail at one place, not how often a long one may be interrupted. One
        // that is interrupted again and again before it gets anywhere may be what kills its workers.
        const cut = interruption(error);
        if (cut !== undefined) {
          const step = cut.step ?? -1;
          barren = step > reached ? 0 : barren + 1;
          reached = Math.max(reached, step);
          if (barren < attempts) continue;
        }
        const message = `${stage.title}: ${rootMessage(error)}`;
        this.failures[stage.key] = message;
        await io.recordFailure({ plan, key: stage.key, error: message });
        return { status: 'failed', error: message };
      }
    }
  }
}

export const noEffort: Effort = { computed: 0, warnings: [] };

/** What several have done together. */
export function sumOf(efforts: readonly Effort[]): Effort {
  return {
    computed: efforts.reduce((total, effort) => total + effort.computed, 0),
    warnings: efforts.flatMap((effort) => effort.warnings),
  };
}

/** Whether the workflow should finish what is under way and continue as new. */
export function historyIsLong(common: Pick<Common, 'maximumEvents'>): boolean {
  const { historyLength, continueAsNewSuggested } = workflowInfo();
  return continueAsNewSuggested || historyLength > common.maximumEvents;
}

/** What to wait for before another attempt; undefined where the failure is the stage's own. */
function pauseAfter(
  error: unknown,
  stage: StageRef,
): { seconds: number; reason: string; warning?: string } | undefined {
  if (!(error instanceof ActivityFailure) || !(error.cause instanceof ApplicationFailure)) return undefined;
  switch (error.cause.type) {
    case 'LeaseHeld':
      return { seconds: leasePollSeconds, reason: `another worker computes ${stage.title}` };
    case diskFull: {
      const reason = `${stage.title} waits for space: ${error.cause.message}`;
      return { seconds: diskPollSeconds, reason, warning: reason };
    }
    default:
      return undefined;
  }
}

/** The last durable step of an attempt that was cut off; undefined where the stage itself failed. */
function interruption(error: unknown): Attempted | undefined {
  if (!(error instanceof ActivityFailure)) return undefined;
  const { cause } = error;
  if (cause instanceof TimeoutFailure) return cause.lastHeartbeatDetails ?? {};
  if (cause instanceof ApplicationFailure && interruptions.has(cause.type ?? '')) {
    return cause.details?.[0] ?? {};
  }
  return undefined;
}

/** The innermost message: what a person can act on. */
function rootMessage(error: unknown): string {
  let inner: unknown = error;
  while (inner instanceof Error && inner.cause instanceof Error) inner = inner.cause;
  return inner instanceof Error ? inner.message : String(inner);
}
