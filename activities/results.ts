/** @file From the store to what a sweep found: trials with their scores, rows of the table, timings. */
import { readFile } from 'node:fs/promises';
import { proportion } from '../metrics/accuracy.js';
import { meanInterval } from '../metrics/interval.js';
import { inputKeys, type StageKey } from '../plan/stage.js';
import { closure, type Trial } from '../plan/tree.js';
import type { ItemScores } from '../report/cells.js';
import type { DataReport, Results, Score, StageTiming, TrialResult } from '../report/results.js';
import { summarise } from '../report/summaries.js';
import { failureOf } from '../store/failures.js';
import type { ArtifactRef, Store } from '../store/store.js';
import type { Evaluation } from './evaluation.js';
import type { StoredPlan } from './plans.js';
import { scoreCell } from './score.js';

/**
 * Everything the store knows about a plan's trials; what is not there yet is `missing`, what failed says why.
 * @param options.against the row of the table that methods are compared with; default: naive
 */
export async function collectResults(
  store: Store,
  plan: StoredPlan,
  worker: string,
  options: { readonly against?: string } = {},
): Promise<Results> {
  const trials: TrialResult[] = [];
  const items = new Map<string, ItemScores>();
  const { published } = await store.probe(plan.stages.map(({ kind, key }) => ({ kind, key })));
  const isThere = new Set(published.map(({ key }) => key));
  for (const cell of plan.cells) {
    const scores = await scoreCell(store, cell, worker);
    for (const trial of cell.trials) {
      const evaluation = scores.evaluations[trial.evaluation];
      const besideWeak = scores.besideWeak[trial.evaluation];
      if (evaluation !== undefined) items.set(trial.id, { ids: scores.items, scores: evaluation.scores });
      trials.push(await trialResult(store, plan, trial, evaluation, besideWeak, isThere));
    }
  }
  return {
    sweep: plan.name,
    plan: plan.digest,
    device: plan.device,
    ...summarise(trials, { itemsOf: ({ id }) => items.get(id), ...options }),
    trials,
    stages: plan.stages.map((stage) => ({
      kind: stage.kind,
      key: stage.key,
      title: stage.title,
      inputs: inputKeys(stage),
    })),
    data: await dataReports(store, plan),
    timings: await timings(store, published),
  };
}

/** What a trial scored, with an interval over its items: Wilson's for a share, else by Student's t. */
function scoreOf({ metric, value, total, correct, scores }: Evaluation): Score {
  const { low, high, level } = correct === null ? meanInterval(scores) : proportion(correct, total);
  return { metric, value, low, high, level, total, correct };
}

async function trialResult(
  store: Store,
  plan: StoredPlan,
  trial: Trial,
  evaluation: Evaluation | undefined,
  besideWeak: Record<string, number> | undefined,
  isThere: ReadonlySet<StageKey>,
): Promise<TrialResult> {
  const { id, cell, task, taskValues, weak, strong, method, methodValues, role, seed } = trial;
  const known = { id, task, taskValues, weak, strong, method, methodValues, role, seed, cell };
  if (evaluation !== undefined) {
    return {
      ...known,
      status: 'done',
      score: scoreOf(evaluation),
      measures: evaluation.measures,
      ...(besideWeak && { besideWeak }),
      trajectory: evaluation.trajectory.map(({ step, accuracy }) => ({ step, score: accuracy })),
      training: evaluation.training,
      evaluation: trial.evaluation,
    };
  }
  for (const key of closure([trial.evaluation], (wanted) => plan.stage(wanted))) {
    // What failed once and was made since then is no obstacle any more.
    if (isThere.has(key)) continue;
    const error = await failureOf(store.root, plan.stage(key));
    if (error !== undefined) return { ...known, status: 'failed', error, evaluation: trial.evaluation };
  }
  return { ...known, status: 'missing', evaluation: trial.evaluation };
}

async function dataReports(store: Store, plan: StoredPlan): Promise<DataReport[]> {
  const reports: DataReport[] = [];
  for (const { task, seed, items } of plan.data) {
    const ref: ArtifactRef = { kind: 'shard', key: items };
    if ((await store.probe([ref])).published.length === 0) continue;
    const artifact = await store.read(ref);
    const report = JSON.parse(await readFile(artifact.path('report.json'), 'utf8')) as DataReport;
    reports.push({ ...report, task, seed });
  }
  return reports;
}

async function timings(store: Store, published: readonly ArtifactRef[]): Promise<StageTiming[]> {
  const known: StageTiming[] = [];
  for (const ref of published) {
    const { manifest } = await store.read(ref);
    const { started, finished, worker, attempt } = manifest.made;
    known.push({ kind: ref.kind, key: ref.key, title: manifest.title, started, finished, worker, attempt });
  }
  return known.sort((a, b) => a.started.localeCompare(b.started) || a.key.localeCompare(b.key));
}
