/** @file A trial: its own stages, one after the other, and its accuracy where people look for it. */
import {
  continueAsNew,
  isCancellation,
  setCurrentDetails,
  upsertSearchAttributes,
} from '@temporalio/workflow';
import type { TrialInput, TrialOutcome } from './messages.js';
import { io } from './profiles.js';
import { attributes, rounded, type Status } from './search-attributes.js';
import { noEffort, Stages, sumOf, type StageOutcome } from './stages.js';

/** Materializes the stages that no other trial needs. Never throws into its batch, unless it is cancelled. */
export async function trial(input: TrialInput): Promise<TrialOutcome> {
  const { published } = await io.probe({ plan: input.plan, keys: input.stages.map((stage) => stage.key) });
  const stages = new Stages(input, new Set(published), input.failures);
  stages.start(input.stages);
  showDetails(input, 'running', []);
  try {
    await stages.settled();
  } catch (error) {
    if (isCancellation(error)) showDetails(input, 'cancelled', []);
    throw error;
  }

  const outcomes = await Promise.all(input.stages.map((stage) => stages.outcome(stage.key)));
  const effort = sumOf([input.before ?? noEffort, stages]);
  if (outcomes.some((outcome) => outcome.status === 'deferred')) {
    await continueAsNew<typeof trial>({
      ...input,
      failures: { ...input.failures, ...stages.failures },
      before: effort,
    });
  }
  const evaluated = await stages.outcome(input.trial.evaluation);
  if (evaluated.status === 'failed') {
    showDetails(input, 'failed', outcomes, evaluated.error);
    return { status: 'failed', error: evaluated.error, ...effort };
  }
  const accuracy = await accuracyOf(input, evaluated);
  showDetails(
    input,
    'done',
    outcomes,
    accuracy === null ? undefined : `accuracy on test ${rounded(accuracy)}`,
  );
  if (accuracy !== null) upsertSearchAttributes([{ key: attributes.accuracy, value: rounded(accuracy) }]);
  return { status: 'done', accuracy, ...effort };
}

/** From the activity that evaluated, or from the store where an earlier run had. */
async function accuracyOf(input: TrialInput, evaluated: StageOutcome): Promise<number | null> {
  if (evaluated.status === 'published' && evaluated.result?.accuracy !== undefined)
    return evaluated.result.accuracy;
  const { accuracy } = await io.readAccuracy({ plan: input.plan, key: input.trial.evaluation });
  return accuracy;
}

function showDetails(input: TrialInput, status: Status, outcomes: StageOutcome[], finding?: string): void {
  const { trial: what, stages } = input;
  const rows = stages.map((stage, index) => {
    const outcome = outcomes[index];
    const state =
      outcome === undefined
        ? '…'
        : outcome.status === 'published'
          ? outcome.computed
            ? 'computed'
            : 'was in the store'
          : outcome.status;
    return `| ${stage.kind} | ${stage.title} | ${state} | \`${stage.key.slice(0, 12)}\` |`;
  });
  setCurrentDetails(
    [
      `**${what.method}** on ${what.task}, ${what.weak} → ${what.strong}, seed ${what.seed}: **${status}**`,
      ...(finding === undefined ? [] : [finding]),
      '',
      '| stage | what | state | key |',
      '|---|---|---|---|',
      ...rows,
    ].join('\n'),
  );
  upsertSearchAttributes([{ key: attributes.status, value: status }]);
}
