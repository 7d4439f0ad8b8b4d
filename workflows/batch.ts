/** @file A batch: the stages that its trials share, the trials as children, the scores of its cells. */
import {
  ChildWorkflowCancellationType,
  ChildWorkflowFailure,
  continueAsNew,
  executeChild,
  isCancellation,
  ParentClosePolicy,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { BatchPlan, TrialPlan } from '../activities/orchestrator.js';
import {
  progressQuery,
  type BatchInput,
  type BatchOutcome,
  type TrialInput,
  type TrialOutcome,
} from './messages.js';
import { io } from './profiles.js';
import { attributes } from './search-attributes.js';
import { historyIsLong, noEffort, Stages, sumOf, Window } from './stages.js';
import { trial } from './trial.js';

type Settled = TrialOutcome | { readonly status: 'deferred' };

/** Runs up to a hundred trials, whole cells of them. A failed trial is a result; it fails nobody else. */
export async function batch(input: BatchInput): Promise<BatchOutcome> {
  const plan = await io.loadBatch({ plan: input.plan, index: input.index });
  const stages = new Stages(input, new Set(plan.published), input.failures);
  const tally = new Tally(plan.trials.length);
  setHandler(progressQuery, () => ({
    plan: input.plan,
    open: [],
    ...tally.counts,
    failures: tally.failures,
    warnings: stages.warnings,
  }));
  stages.start(plan.stages);
  const showDetails = (): void => setCurrentDetails(tally.markdown(input));
  showDetails();

  const window = new Window(input.trialsAtOnce);
  const running = plan.trials.map((node) =>
    runTrial(input, node, stages, window, plan).then((outcome) => {
      tally.add(node, outcome);
      showDetails();
      return outcome;
    }),
  );
  const scored = plan.cells.map((cell) => scoreCell(input, cell, plan, running));
  // Everything is awaited before anything is thrown, so that a cancelled batch closes after its children.
  const results = await Promise.allSettled([stages.settled(), ...running, ...scored]);
  const broken = results.find((result) => result.status === 'rejected');
  if (broken !== undefined) throw broken.reason;

  const outcomes = await Promise.all(running);
  const settled = outcomes.flatMap((outcome) => (outcome.status === 'deferred' ? [] : [outcome]));
  const effort = sumOf([input.before ?? noEffort, stages, ...settled]);
  if (settled.length < outcomes.length) {
    const failures = { ...input.failures, ...stages.failures };
    await continueAsNew<typeof batch>({ ...input, failures, failedTrials: tally.failed, before: effort });
  }
  return { ...tally.counts, ...effort };
}

/** Waits for what the trial needs from above, then runs it as a child, unless all it would do is done. */
async function runTrial(
  input: BatchInput,
  node: TrialPlan,
  stages: Stages,
  window: Window,
  plan: BatchPlan,
): Promise<Settled> {
  const before = input.failedTrials?.[node.trial.id];
  if (before !== undefined) return { status: 'failed', error: before, ...noEffort };
  const obstacle = await stages.obstacle(node.needs);
  if (obstacle?.status === 'failed') return { status: 'failed', error: obstacle.error, ...noEffort };
  if (obstacle !== undefined) return obstacle;
  const published = new Set(plan.published);
  if (node.stages.every((stage) => published.has(stage.key))) {
    return { status: 'done', accuracy: null, ...noEffort };
  }
  return window.run(async () => {
    if (historyIsLong(input)) return { status: 'deferred' };
    const { id, task, method, weak, strong, role, seed } = node.trial;
    try {
      return await executeChild(trial, {
        workflowId: `sweep/${input.sweep}/${id}`,
        args: [trialInput(input, node)],
        staticSummary: `${method} · ${task} · ${weak}→${strong} · seed ${seed}`.slice(0, 190),
        parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
        cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
        typedSearchAttributes: [
          { key: attributes.sweep, value: input.sweep },
          { key: attributes.task, value: task },
          { key: attributes.method, value: method.slice(0, 250) },
          { key: attributes.weak, value: weak },
          { key: attributes.strong, value: strong },
          { key: attributes.role, value: role },
          { key: attributes.seed, value: seed },
          { key: attributes.status, value: 'running' },
        ],
      });
    } catch (error) {
      if (isCancellation(error)) throw error;
      // Somebody terminated it, or its code is at fault: a trial is lost, not the batch.
      const cause = error instanceof ChildWorkflowFailure ? (error.cause ?? error) : error;
      return {
        ...noEffort,
        status: 'failed',
        error: `trial: ${cause instanceof Error ? cause.message : String(cause)}`,
      };
    }
  });
}

function trialInput({ index: _, failedTrials: __, ...common }: BatchInput, node: TrialPlan): TrialInput {
  return { ...common, trial: node.trial, stages: node.stages, before: noEffort };
}

async function scoreCell(
  input: BatchInput,
  cell: string,
  plan: BatchPlan,
  running: Promise<Settled>[],
): Promise<void> {
  const outcomes = await Promise.allSettled(
    running.filter((_, index) => plan.trials[index]!.trial.cell === cell),
  );
  // A cell that waits for the next run, or was cancelled, is scored when it is whole.
  if (outcomes.some((outcome) => outcome.status === 'rejected' || outcome.value.status === 'deferred'))
    return;
  await io.score({ plan: input.plan, cell });
}

/** How the trials of a batch are doing, for queries and for the UI. */
class Tally {
  #done = 0;
  readonly #total: number;
  /** Trial → why it failed. */
  readonly failed: Record<string, string> = {};

  constructor(total: number) {
    this.#total = total;
  }

  get failures(): string[] {
    return Object.entries(this.failed).map(([trial, error]) => `${trial}: ${error}`);
  }

  get counts(): { trials: number; done: number; failed: number } {
    return { trials: this.#total, done: this.#done, failed: this.failures.length };
  }

  add(node: TrialPlan, outcome: Settled): void {
    if (outcome.status === 'done') this.#done++;
    if (outcome.status === 'failed') this.failed[node.trial.id] = outcome.error;
  }

  markdown(input: BatchInput): string {
    const { trials, done, failed } = this.counts;
    return [
      `**Batch ${input.index + 1}** of ${input.sweep}: ${done} of ${trials} trials done, ${failed} failed`,
      '',
      ...this.failures.slice(0, 20).map((failure) => `- ${failure}`),
      '',
      `Its trials: search for \`WorkflowId STARTS_WITH "sweep/${input.sweep}/"\`; this one is \`${workflowInfo().workflowId}\`.`,
    ].join('\n');
  }
}
