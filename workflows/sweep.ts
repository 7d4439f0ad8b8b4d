/** @file A sweep: the plan, the stages that batches share, the batches, the report. */
import {
  ChildWorkflowCancellationType,
  ChildWorkflowFailure,
  continueAsNew,
  executeChild,
  isCancellation,
  ParentClosePolicy,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { SweepPlan } from '../activities/orchestrator.js';
import { batch } from './batch.js';
import {
  progressQuery,
  type BatchInput,
  type BatchOutcome,
  type Common,
  type Counts,
  type SweepInput,
  type SweepOutcome,
} from './messages.js';
import { io } from './profiles.js';
import { attributes, type Status } from './search-attributes.js';
import { historyIsLong, noEffort, Stages, sumOf, Window } from './stages.js';

/** Open batches at most: with {@link Common.trialsAtOnce} trials each they bound the open workflows of a sweep. */
const batchesAtOnce = 10;

type Settled = BatchOutcome | { readonly status: 'deferred' };

/** Runs a whole sweep and ends with its report. Failed trials are part of the outcome. */
export async function sweep(input: SweepInput): Promise<SweepOutcome> {
  const open = new Set<string>();
  const finished: BatchOutcome[] = [];
  const progress = {
    plan: null as string | null,
    trials: 0,
    failures: [] as string[],
    warnings: [] as string[],
  };
  setHandler(progressQuery, () => ({ ...progress, ...sum(finished, progress.trials), open: [...open] }));

  const planned = await io.plan({ definition: input.definition, plan: input.plan });
  const { plan, trials } = planned;
  // Children are told the plan's key, never the sweep: their inputs do not grow with it.
  const { definition: _, failures: __, before: ___, ...told } = input;
  const common: Common = { ...told, plan };
  const stages = new Stages(common, new Set(planned.published), input.failures ?? {});
  Object.assign(progress, { plan, trials });
  const show = (status: Status, results?: string): void => {
    const counts = sum(finished, trials);
    progress.failures = Object.values(stages.failures);
    progress.warnings = [...stages.warnings, ...finished.flatMap((outcome) => outcome.warnings)];
    setCurrentDetails(markdown(input.sweep, planned, status, counts, open, results));
    upsertSearchAttributes([
      { key: attributes.status, value: status },
      { key: attributes.trials, value: trials },
      { key: attributes.failed, value: counts.failed },
    ]);
  };
  stages.start(planned.stages);
  show('running');

  const window = new Window(batchesAtOnce);
  const runBatch = async (node: SweepPlan['batches'][number]): Promise<Settled> => {
    // A stage that failed concerns those trials that need it; the batch starts once nothing above is under way.
    const above = await Promise.all(node.needs.map((key) => stages.outcome(key)));
    if (above.some((outcome) => outcome.status === 'deferred')) return { status: 'deferred' };
    return window.run(async () => {
      if (historyIsLong(input)) return { status: 'deferred' };
      const id = `sweep/${input.sweep}/batch ${node.index + 1}`;
      open.add(id);
      show('running');
      const outcome = await startBatch(
        { ...common, index: node.index, failures: stages.failures },
        id,
        node.trials,
      );
      open.delete(id);
      finished.push(outcome);
      show('running');
      return outcome;
    });
  };
  const running = planned.batches.map(runBatch);
  // Everything is awaited before anything is thrown, so that a cancelled sweep closes after its children.
  const results = await Promise.allSettled([stages.settled(), ...running]);
  const broken = results.find((result) => result.status === 'rejected');
  if (broken !== undefined) {
    show(isCancellation(broken.reason) ? 'cancelled' : 'failed');
    throw broken.reason;
  }
  const effort = sumOf([input.before ?? noEffort, planned, stages, ...finished]);
  if ((await Promise.all(running)).some((outcome) => 'status' in outcome)) {
    const failures = { ...input.failures, ...stages.failures };
    await continueAsNew<typeof sweep>({ ...input, plan, failures, before: effort });
  }

  const { markdown: table } = await io.report({ plan, sweep: input.sweep });
  const counts = sum(finished, trials);
  show(counts.failed > 0 ? 'failed' : 'done', table);
  return { ...counts, ...effort, plan, stages: planned.stageCount };
}

async function startBatch(input: BatchInput, workflowId: string, trials: number): Promise<BatchOutcome> {
  try {
    return await executeChild(batch, {
      workflowId,
      args: [input],
      staticSummary: `batch ${input.index + 1}: ${trials} trials`,
      parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
      cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
      typedSearchAttributes: [
        { key: attributes.sweep, value: input.sweep },
        { key: attributes.trials, value: trials },
      ],
    });
  } catch (error) {
    if (isCancellation(error)) throw error;
    // Somebody terminated it, or its code is at fault: its trials are lost, not the sweep.
    const cause = error instanceof ChildWorkflowFailure ? (error.cause ?? error) : error;
    const message = cause instanceof Error ? cause.message : String(cause);
    return { trials, done: 0, failed: trials, computed: 0, warnings: [`${workflowId}: ${message}`] };
  }
}

function sum(finished: readonly BatchOutcome[], trials: number): Counts {
  return {
    trials,
    done: finished.reduce((total, outcome) => total + outcome.done, 0),
    failed: finished.reduce((total, outcome) => total + outcome.failed, 0),
  };
}

function markdown(
  name: string,
  planned: SweepPlan,
  status: Status,
  counts: Counts,
  open: ReadonlySet<string>,
  results?: string,
): string {
  return [
    `**${name}: ${status}** — ${counts.done} of ${counts.trials} trials done, ${counts.failed} failed`,
    '',
    ...(results === undefined
      ? [`${planned.stageCount} stages, ${planned.published.length} of this level in the store at the start`]
      : [results]),
    '',
    ...(open.size === 0 ? [] : [`open: ${[...open].join(', ')}`, '']),
    `plan \`${planned.plan.slice(0, 12)}\` · its trials: \`TemperSweep="${name}" AND WorkflowType="trial"\` · ${workflowInfo().workflowId}`,
  ].join('\n');
}
