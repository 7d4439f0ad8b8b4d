/** @file From the store to what a sweep found: trials with their accuracies, rows of the table, timings. */
import { readFile } from 'node:fs/promises';
import { proportion } from '../metrics/accuracy.js';
import { meanInterval } from '../metrics/interval.js';
import { gapRecovered } from '../metrics/pgr.js';
import { inputKeys, type StageKey } from '../plan/stage.js';
import { closure, type Cell, type Trial } from '../plan/tree.js';
import type { DataReport, MethodSummary, Results, StageTiming, TrialResult } from '../report/results.js';
import { failureOf } from '../store/failures.js';
import type { ArtifactRef, Store } from '../store/store.js';
import type { Evaluation } from './evaluation.js';
import type { StoredPlan } from './plans.js';
import { scoreCell } from './score.js';

/** Everything the store knows about a plan's trials; what is not there yet is `missing`, what failed says why. */
export async function collectResults(store: Store, plan: StoredPlan, worker: string): Promise<Results> {
  const trials: TrialResult[] = [];
  const { published } = await store.probe(plan.stages.map(({ kind, key }) => ({ kind, key })));
  const isThere = new Set(published.map(({ key }) => key));
  for (const cell of plan.cells) {
    const evaluations = cell.trials.map((trial) => trial.evaluation);
    const scores = await scoreCell(store, cell.id, evaluations, worker);
    for (const trial of cell.trials)
      trials.push(await trialResult(store, plan, trial, scores[trial.evaluation], isThere));
  }
  return {
    sweep: plan.name,
    plan: plan.digest,
    device: plan.device,
    summaries: summaries(plan.cells, trials),
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

async function trialResult(
  store: Store,
  plan: StoredPlan,
  trial: Trial,
  evaluation: Evaluation | undefined,
  isThere: ReadonlySet<StageKey>,
): Promise<TrialResult> {
  const { id, cell, task, taskValues, weak, strong, method, methodValues, role, seed } = trial;
  const known = { id, task, taskValues, weak, strong, method, methodValues, role, seed, cell };
  if (evaluation !== undefined) {
    const { correct, total, trajectory, training } = evaluation;
    return {
      ...known,
      status: 'done',
      accuracy: proportion(correct, total),
      trajectory,
      training,
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

/** One row per task, pair and method, in the order of the trials. */
function summaries(cells: readonly Cell[], trials: readonly TrialResult[]): MethodSummary[] {
  const accuracyIn = new Map(
    trials.map((trial) => [`${trial.cell} ${trial.role} ${trial.method}`, trial.accuracy?.value]),
  );
  const baseline = (cell: string, role: 'weak' | 'ceiling'): number | undefined =>
    accuracyIn.get(`${cell} ${role} ${role === 'weak' ? 'weak supervisor' : 'ceiling'}`);
  const rows = new Map<string, TrialResult[]>();
  const order = new Map(cells.map((cell, index) => [cell.id, index]));
  for (const trial of [...trials].sort((a, b) => order.get(a.cell)! - order.get(b.cell)!)) {
    const row = `${trial.task} ${trial.weak} ${trial.strong} ${trial.role} ${trial.method}`;
    rows.set(row, [...(rows.get(row) ?? []), trial]);
  }
  return [...rows.values()].map((row): MethodSummary => {
    const { task, weak, strong, method, role } = row[0]!;
    const done = row.flatMap(({ accuracy, cell }) =>
      accuracy === undefined ? [] : [{ accuracy: accuracy.value, cell }],
    );
    const compared = done.flatMap(({ accuracy, cell }) => {
      const floor = baseline(cell, 'weak');
      const top = baseline(cell, 'ceiling');
      return floor === undefined || top === undefined
        ? []
        : [{ weak: floor, student: accuracy, ceiling: top }];
    });
    const isBaseline = role === 'weak' || role === 'ceiling';
    return {
      task,
      weak,
      strong,
      method,
      role,
      cells: done.length,
      failed: row.filter((trial) => trial.status === 'failed').length,
      accuracy: done.length === 0 ? null : meanInterval(done.map(({ accuracy }) => accuracy)),
      pgr: isBaseline || compared.length === 0 ? null : gapRecovered(compared),
    };
  });
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
