/** @file What a sweep found, while some of it is missing or failed. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { gapRecovered } from '../metrics/pgr.js';
import { meanInterval } from '../metrics/interval.js';
import type { Stage } from '../plan/stage.js';
import type { Trial } from '../plan/tree.js';
import { exportJson } from '../report/export.js';
import type { MethodSummary, Results, TrialResult } from '../report/results.js';
import { clearFailure, recordFailure } from '../store/failures.js';
import { closeSessions } from '../onnx/session.js';
import { openLaboratory, runAll, stageTitled, type Laboratory } from '../test/stages.js';
import { planOf, tinyDialects, tinySweep } from '../test/sweeps.js';
import { readEvaluation } from './evaluation.js';
import { collectResults } from './results.js';

let laboratory: Laboratory;
let trials: Trial[];

const collect = (): Promise<Results> => collectResults(laboratory.store, laboratory.plan, 'test');
const evaluationOf = (method: string, dialect: number): string =>
  trials.find((trial) => trial.method === method && trial.taskValues['dialect'] === dialect)!.evaluation;
const result = ({ trials: all }: Results, method: string, dialect: number): TrialResult =>
  all.find((trial) => trial.method === method && trial.taskValues['dialect'] === dialect)!;
/** Of the second cell; what needs it fails with it. */
const failing = (): Stage => stageTitled(laboratory.plan, 'label B 2/2 with weak · dialects[dialect=1]');
const row = ({ summaries }: Results, method: string): MethodSummary =>
  summaries.find((summary) => summary.method === method)!;

// Two cells: the dialects 0 and 1. Of dialect 1, naive fails and refinement has not been run.
beforeAll(async () => {
  laboratory = await openLaboratory(
    planOf({
      ...tinySweep,
      tasks: { dialects: { ...tinyDialects, dialect: [0, 1] } },
      methods: ['naive', 'icl-refinement'],
      controls: 'none',
    }),
  );
  trials = laboratory.plan.cells.flatMap((cell) => cell.trials);
  const run = trials.filter(
    ({ method, taskValues }) => taskValues['dialect'] === 0 || !['naive', 'icl-refinement'].includes(method),
  );
  await runAll(
    laboratory,
    run.map(({ evaluation }) => evaluation),
  );
});
beforeEach(() =>
  recordFailure(laboratory.store.root, failing(), `${failing().title}: no space left on device`),
);
afterAll(async () => {
  await laboratory.remove();
  await closeSessions();
});

describe('trials', () => {
  it('that are done have their accuracy from their evaluation, and the curves behind it', async () => {
    const results = await collect();
    for (const trial of results.trials.filter(({ status }) => status === 'done')) {
      const evaluation = await readEvaluation(
        await laboratory.store.read({ kind: 'evaluate', key: trial.evaluation }),
      );
      expect(trial.score).toMatchObject({
        metric: { name: 'accuracy', higherIsBetter: true },
        correct: evaluation.correct,
        total: tinyDialects.splits.test,
        value: evaluation.correct! / evaluation.total,
        level: 0.95,
      });
      // The last answers along the fine-tuning are those of the finished model.
      expect(trial.trajectory!.map(({ step }) => step)).toEqual([0, 1, 2, 5]);
      expect(trial.trajectory!.at(-1)!.score).toBe(trial.score!.value);
      expect(trial.training!.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5]);
    }
    expect(results.trials.filter(({ status }) => status === 'done')).toHaveLength(6);
  });

  it('that are done have what else was measured, and how they compare with the weak supervisor', async () => {
    const results = await collect();
    const naive = result(results, 'naive', 0);
    expect(Object.keys(naive.measures!)).toEqual(expect.arrayContaining(['ECE', 'Brier']));
    const { agreement, misfit } = naive.besideWeak!;
    const evaluationIn = async (method: string) =>
      readEvaluation(await laboratory.store.read({ kind: 'evaluate', key: evaluationOf(method, 0) }));
    const [student, weak] = [await evaluationIn('naive'), await evaluationIn('weak supervisor')];
    const alike = student.labels.filter((label, item) => label === weak.labels[item]).length;
    expect(agreement).toBe(alike / student.total);
    expect(misfit).toBeGreaterThan(0);
    expect(result(results, 'weak supervisor', 0).besideWeak).toBeUndefined();
  });

  it('that need a stage which failed for good say which and why', async () => {
    for (const method of ['naive', 'icl-refinement']) {
      const trial = result(await collect(), method, 1);
      expect(trial.status).toBe('failed');
      expect(trial.error).toMatch(/^label B 2\/2 with weak .*no space left on device$/);
      expect(trial.score).toBeUndefined();
    }
  });

  it('that have not been run are missing', async () => {
    await clearFailure(laboratory.store.root, failing());
    const results = await collect();
    expect(result(results, 'naive', 1).status).toBe('missing');
    expect(result(results, 'naive', 1).error).toBeUndefined();
  });

  it('whose obstacle another attempt has removed are only missing', async () => {
    const { store, plan } = laboratory;
    const made = stageTitled(plan, 'pretrain strong');
    await clearFailure(store.root, failing());
    await recordFailure(store.root, made, 'pretrain strong: long ago');
    const results = await collect();
    await clearFailure(store.root, made);
    expect(result(results, 'naive', 0).status).toBe('done');
    expect(result(results, 'naive', 1).status).toBe('missing');
  });
});

describe('rows', () => {
  it('are one for each method, over the cells in which it is done', async () => {
    const results = await collect();
    expect(
      results.summaries.map(({ method, role, cells, failed }) => ({ method, role, cells, failed })),
    ).toEqual([
      { method: 'weak supervisor', role: 'weak', cells: 2, failed: 0 },
      { method: 'ceiling', role: 'ceiling', cells: 2, failed: 0 },
      { method: 'naive', role: 'method', cells: 1, failed: 1 },
      { method: 'icl-refinement', role: 'method', cells: 1, failed: 1 },
    ]);
  });

  it('have the mean accuracy with its interval', async () => {
    const results = await collect();
    const weak = [0, 1].map((dialect) => result(results, 'weak supervisor', dialect).score!.value);
    expect(row(results, 'weak supervisor').score).toEqual(meanInterval(weak));
    expect(row(results, 'naive').score).toMatchObject({
      mean: result(results, 'naive', 0).score!.value,
      low: null,
      high: null,
    });
  });

  it('have a PGR over those cells alone in which student, weak supervisor and ceiling are done', async () => {
    const results = await collect();
    const of = (method: string): number => result(results, method, 0).score!.value;
    expect(row(results, 'naive').pgr).toEqual(
      gapRecovered([{ weak: of('weak supervisor'), student: of('naive'), ceiling: of('ceiling') }]),
    );
    expect(row(results, 'weak supervisor').pgr).toBeNull();
    expect(row(results, 'ceiling').pgr).toBeNull();
  });

  it('have no PGR where a cell lacks its ceiling, and still their accuracy', async () => {
    const plan = laboratory.plan;
    const one = await openLaboratory(plan);
    try {
      await runAll(one, [evaluationOf('weak supervisor', 0), evaluationOf('naive', 0)]);
      const results = await collectResults(one.store, one.plan, 'test');
      expect(row(results, 'naive')).toMatchObject({ cells: 1, failed: 0, pgr: null });
      expect(row(results, 'naive').score!.mean).toBe(result(results, 'naive', 0).score!.value);
      expect(row(results, 'ceiling')).toMatchObject({ cells: 0, score: null, pgr: null });
    } finally {
      await one.remove();
    }
  });
});

describe('the whole', () => {
  it('is the same to the last byte whenever it is computed, with and without the scores at hand', async () => {
    const first = exportJson(await collect());
    expect(exportJson(await collect())).toBe(first);
    await rm(join(laboratory.store.root, 'artifacts', 'score'), { recursive: true });
    expect(exportJson(await collect())).toBe(first);
  });

  it('names every stage of the plan with its inputs, and the data', async () => {
    const results = await collect();
    const keys = new Set(results.stages.map(({ key }) => key));
    expect(keys.size).toBe(laboratory.plan.stages.length);
    for (const { inputs } of results.stages) for (const key of inputs) expect(keys.has(key)).toBe(true);
    expect(results.data.map(({ task, seed, counts }) => ({ task, seed, B: counts['B'] }))).toEqual([
      { task: 'dialects[dialect=0]', seed: 0, B: tinyDialects.splits.B },
      { task: 'dialects[dialect=1]', seed: 0, B: tinyDialects.splits.B },
    ]);
  });

  it('of an empty store is all missing', async () => {
    const empty = await openLaboratory(laboratory.plan);
    try {
      const results = await collectResults(empty.store, empty.plan, 'test');
      expect(new Set(results.trials.map(({ status }) => status))).toEqual(new Set(['missing']));
      expect(results.summaries.every(({ score, pgr }) => score === null && pgr === null)).toBe(true);
      expect(results.timings).toEqual([]);
    } finally {
      await empty.remove();
    }
  });
});
