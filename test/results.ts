/** @file Results as a sweep would leave them, made up from the real plan of the quickstart: for tests of what shows them. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hashOf } from '../base/json.js';
import { Random } from '../base/random.js';
import { proportion } from '../metrics/accuracy.js';
import { planSweep } from '../plan/plan.js';
import { inputKeys } from '../plan/stage.js';
import { vocabulary } from '../plan/vocabulary.js';
import type { Results, StageTiming, TrialResult } from '../report/results.js';
import { summarise } from '../report/summaries.js';
import { parseSweep } from '../spec/index.js';

const root = join(import.meta.dirname, '..');

/** Expected test accuracy and its fall along fine-tuning, as in the quickstart. */
const levels: Record<string, { early: number; late: number }> = {
  'weak supervisor': { early: 0.62, late: 0.805 },
  ceiling: { early: 0.9, late: 0.985 },
  'naive labels=hard': { early: 0.949, late: 0.852 },
  'naive labels=soft': { early: 0.93, late: 0.781 },
  confidence: { early: 0.94, late: 0.824 },
  'icl-refinement examples=4 contexts=1': { early: 0.83, late: 0.746 },
  'icl-refinement examples=4 contexts=4': { early: 0.9, late: 0.836 },
  'icl-refinement examples=12 contexts=1': { early: 0.92, late: 0.871 },
  'icl-refinement examples=12 contexts=4': { early: 0.94, late: 0.898 },
  'icl-refinement examples=23 contexts=1': { early: 0.95, late: 0.914 },
  'icl-refinement examples=23 contexts=4': { early: 0.96, late: 0.953 },
  'zero-shot': { early: 0.625, late: 0.625 },
  'zero-examples labels=hard': { early: 0.63, late: 0.633 },
  'zero-examples labels=soft': { early: 0.63, late: 0.641 },
  'random-labels': { early: 0.93, late: 0.914 },
  'ceiling-on-a': { early: 0.88, late: 0.962 },
};

const curveSteps = [0, 1, 2, 5, 10, 20, 50, 100, 150, 200];

/**
 * 16 cells of the quickstart and 4 of a task in which the ceiling is hardly above the weak supervisor (so that its
 * PGRs have no bounds), 15 trials each; three trials fail. The same at every call.
 */
export async function sampleResults(): Promise<Results> {
  const text = (await readFile(join(root, 'sweeps/quickstart.yaml'), 'utf8')).replace(
    'models:',
    '  no-gap: { generator: dialects, dialect: [0, 1], nouns: 256 }\n\nmodels:',
  );
  const sweep = parseSweep(text, { source: 'sweeps/quickstart.yaml', vocabulary, folder: root });
  const plan = planSweep(sweep, {});
  const random = Random.of(7, 'sample results');
  const trials = plan.cells.flatMap((cell, cellIndex) => {
    const effect = random.normal() * 0.035;
    return cell.trials.map((trial): TrialResult => {
      const { id, task, taskValues, weak, strong, method, methodValues, role, seed, evaluation } = trial;
      const known = {
        id,
        task,
        taskValues,
        weak,
        strong,
        method,
        methodValues,
        role,
        seed,
        cell: cell.id,
        evaluation,
      };
      if (method === 'icl-refinement examples=12 contexts=4' && cellIndex % 7 === 3)
        return {
          ...known,
          status: 'failed',
          error: 'refine B 2/2 with strong: the executor was killed (signal 9, out of memory?) three times',
        };
      const level = levels[method] ?? { early: 0.5, late: 0.5 };
      const isFlat = task === 'no-gap';
      const settle = (value: number): number =>
        clamp(
          isFlat
            ? 0.8 + (value - 0.8) * 0.3 + random.normal() * 0.035
            : value + effect + random.normal() * 0.02,
        );
      const curve = curveSteps.map((step) => ({
        step,
        score: thirtySeconds(settle(curveAt(level, method, step))),
      }));
      const isTrained = method !== 'zero-shot';
      const last = curve.at(-1)?.score ?? 0;
      return {
        ...known,
        status: 'done',
        score: { metric: accuracyMetric, ...proportion(Math.round(last * 32), 32) },
        trajectory: isTrained ? curve : [],
        training: isTrained ? lossCurve(random) : [],
      };
    });
  });
  return {
    sweep: sweep.name,
    plan: plan.digest,
    device: sweep.device,
    ...summarise(trials),
    trials,
    stages: plan.stages.map((stage) => ({
      kind: stage.kind,
      key: stage.key,
      title: stage.title,
      inputs: inputKeys(stage),
    })),
    data: [0, 1].map((seed) => ({
      task: 'dialects',
      seed,
      counts: {
        rows: 11_468,
        'rows with line breaks': 838,
        'unique texts': 10_891,
        'texts in conflict': 181,
        A: 32,
        B: 64,
        test: 32,
      },
      notes: ['A noun that stands in one split stands in no other.'],
    })),
    timings: timingsOf(plan.stages, random),
  };
}

const accuracyMetric = { name: 'accuracy', higherIsBetter: true };
const clamp = (value: number): number => Math.min(1, Math.max(0, value));
const thirtySeconds = (value: number): number => Math.round(value * 32) / 32;

function curveAt({ early, late }: { early: number; late: number }, method: string, step: number): number {
  const start = method === 'weak supervisor' ? 0.5 : 0.625;
  const learnt = start + (early - start) * (1 - Math.exp(-step / 2));
  return learnt + (late - early) * (1 - Math.exp(-step / 60));
}

function lossCurve(random: Random): { step: number; loss: number }[] {
  return Array.from({ length: 41 }, (_, index) => ({
    step: index * 5,
    loss: 0.08 + 0.8 * Math.exp(-index / 9) + 0.03 * random.uniform(),
  }));
}

const seconds: Record<string, number> = {
  shard: 0.1,
  pretrain: 70,
  finetune: 1.1,
  label: 0.15,
  refine: 0.9,
  evaluate: 0.1,
  score: 0.05,
};

/** Two workers, one after the other, interrupted for some hours in the middle. */
function timingsOf(
  stages: readonly { kind: string; key: string; title: string }[],
  random: Random,
): StageTiming[] {
  const clocks = [0, 0];
  const start = Date.parse('2026-11-21T10:00:00Z');
  return stages.map(({ kind, key, title }, index) => {
    const worker = (clocks[0] ?? 0) <= (clocks[1] ?? 0) ? 0 : 1;
    const pause = index === Math.floor(stages.length / 2) ? 3 * 3600 : 0;
    if (pause > 0) clocks.fill(Math.max(...clocks) + pause);
    const from = clocks[worker] ?? 0;
    const to = from + (seconds[kind] ?? 1) * (0.8 + 0.4 * random.uniform());
    clocks[worker] = to + 0.04;
    const at = (offset: number): string => new Date(start + Math.round(offset * 1000)).toISOString();
    return {
      kind,
      key,
      title,
      started: at(from),
      finished: at(to),
      worker: `cpu:${worker} (pid ${4711 + worker})`,
      attempt: index % 97 === 5 ? 2 : 1,
    };
  });
}

/** Results of nothing: a sweep that has just started. */
export function emptyResults(): Results {
  return {
    sweep: 'empty',
    plan: hashOf('empty'),
    device: 'cpu',
    summaries: [],
    comparisons: [],
    overall: [],
    curves: [],
    trials: [],
    stages: [],
    data: [],
    timings: [],
  };
}
