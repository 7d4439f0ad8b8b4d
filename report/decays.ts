/** @file Which of a sweep's risks come down along a number that it varies, and how: fits for the report. */
import { canonicalJson } from '../base/json.js';
import { canFit, studyDecay, type Curve, type DecayStudy } from '../metrics/decay.js';
import type { Metric, Results, TrialResult } from './results.js';

export interface Decay {
  /** "mixture · noisy → strong" */
  readonly group: string;
  /** A method and what else it says: "icl-refinement contexts=4". */
  readonly series: string;
  readonly parameter: string;
  readonly metric: Metric;
  readonly curve: Curve;
  readonly study: DecayStudy;
}

/**
 * A method's risk against each of its parameters that takes enough numbers in enough cells (a task, a pair, a seed) to
 * be fitted. Accuracies are left out: they do not decay towards 0.
 */
export function decaysOf({ trials }: Pick<Results, 'trials'>): Decay[] {
  const known = trials.filter(
    ({ role, score }) => role === 'method' && score?.metric.higherIsBetter === false,
  );
  const parameters = [...new Set(known.flatMap(({ methodValues }) => Object.keys(methodValues)))];
  return parameters.flatMap((parameter) =>
    [...grouped(known, parameter)].flatMap(([, own]): Decay[] => {
      const curve = curveOf(own, parameter);
      const [{ task, weak, strong, method, methodValues, score }] = own as [TrialResult];
      if (!canFit(curve)) return [];
      const others = Object.entries(methodValues).filter(([name]) => name !== parameter);
      return [
        {
          group: `${task} · ${weak} → ${strong}`,
          series: [nameOf(method), ...others.map(([name, value]) => `${name}=${String(value)}`)].join(' '),
          parameter,
          metric: score!.metric,
          curve,
          study: studyDecay(curve),
        },
      ];
    }),
  );
}

/** Trials that differ in a parameter, the task's values and the seed alone. */
function grouped(trials: readonly TrialResult[], parameter: string): Map<string, TrialResult[]> {
  const groups = new Map<string, TrialResult[]>();
  for (const trial of trials) {
    const { task, weak, strong, method, methodValues } = trial;
    const { [parameter]: at, ...others } = methodValues;
    if (typeof at !== 'number') continue;
    const key = canonicalJson([task, weak, strong, nameOf(method), others]);
    groups.set(key, [...(groups.get(key) ?? []), trial]);
  }
  return groups;
}

/** The cells that have every value of the parameter. */
function curveOf(trials: readonly TrialResult[], parameter: string): Curve {
  const n = [...new Set(trials.map(({ methodValues }) => methodValues[parameter] as number))].sort(
    (a, b) => a - b,
  );
  const cells = new Map<string, Map<number, number>>();
  for (const { cell, methodValues, score } of trials) {
    const risks = cells.get(cell) ?? new Map<number, number>();
    cells.set(cell, risks.set(methodValues[parameter] as number, score!.value));
  }
  const whole = [...cells.values()].filter((risks) => risks.size === n.length);
  return { n, runs: whole.map((risks) => n.map((at) => risks.get(at)!)) };
}

/** "icl-refinement" of "icl-refinement examples=4". */
function nameOf(method: string): string {
  const values = method.search(/ [^ ]*=/);
  return values === -1 ? method : method.slice(0, values);
}
