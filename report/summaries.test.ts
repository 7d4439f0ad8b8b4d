/** @file From trials to comparisons, to what holds over all tasks, and to tasks that are measured by a risk. */
import { describe, expect, test } from 'vitest';
import type { Metric, Results, TrialResult, TrialRole } from './results.js';
import { summarise, type SummaryOptions } from './summaries.js';
import { renderTable } from './table.js';

const accuracy: Metric = { name: 'accuracy', higherIsBetter: true };
const risk: Metric = { name: 'risk', higherIsBetter: false };

const roles: Record<string, TrialRole> = { 'weak supervisor': 'weak', ceiling: 'ceiling', oracle: 'control' };

/** Trials of one task and seed by what each method scored. */
function cell(task: string, seed: number, values: Record<string, number>, metric = accuracy): TrialResult[] {
  return Object.entries(values).map(([method, value]) => ({
    id: `${task} weak→strong ${method} seed ${seed}`,
    task,
    taskValues: {},
    weak: 'weak',
    strong: 'strong',
    method,
    methodValues: {},
    role: roles[method] ?? 'method',
    seed,
    cell: `${task} seed ${seed}`,
    status: 'done',
    score: { metric, value, low: value, high: value, level: 0.95, total: 100, correct: null },
    evaluation: `${task} ${method} ${seed}`,
  }));
}

const methods = (weak: number, naive: number, other: number, ceiling: number) => ({
  'weak supervisor': weak,
  naive,
  other,
  oracle: ceiling,
  ceiling,
});

const trials = [
  ...cell('a', 0, methods(0.6, 0.65, 0.7, 0.8)),
  ...cell('a', 1, methods(0.62, 0.66, 0.71, 0.81)),
  ...cell('a', 2, methods(0.7, 0.74, 0.8, 0.9)),
];
const of = (some: TrialResult[], options?: SummaryOptions) => summarise(some, options);

describe('comparisons', () => {
  test('are with naive, paired over cells, methods apart from controls; baselines are not compared', () => {
    const { comparisons, overall } = of(trials);
    expect(comparisons.map(({ method, role, reference, cells }) => [method, role, reference, cells])).toEqual(
      [
        ['other', 'method', 'naive', 3],
        ['oracle', 'control', 'naive', 3],
      ],
    );
    expect(comparisons[0]!.difference.mean).toBeCloseTo((0.05 + 0.05 + 0.06) / 3, 12);
    expect(overall).toEqual([]);
  });

  test('are with whatever is asked for, and say what there is where that is nothing', () => {
    const { comparisons } = of(trials, { against: 'weak supervisor' });
    expect(comparisons.map(({ method }) => method)).toEqual(['naive', 'other', 'oracle']);
    expect(() => of(trials, { against: 'magic' })).toThrow(
      'no row of the table is called "magic", or begins with it; there are: weak supervisor, naive, other',
    );
  });

  test('leave out the cells that lack one of the two', () => {
    const without = trials.map((trial) =>
      trial.method === 'naive' && trial.seed === 2 ? withoutScore(trial) : trial,
    );
    expect(of(without).comparisons.map(({ cells }) => cells)).toEqual([2, 2]);
  });

  test('count items that cells share once', () => {
    const itemsOf = ({ method, seed }: TrialResult) => {
      const ids = Array.from({ length: 100 }, (_, item) => `${item}`);
      const isNaive = method === 'naive';
      // Where naive is wrong is the same in every seed.
      return { ids, scores: ids.map((_, item) => (isNaive && item % 2 === 0 ? 0 : 1 - 0.001 * seed)) };
    };
    const [plain, shared] = [of(trials), of(trials, { itemsOf })].map(({ comparisons }) => comparisons[0]!);
    expect(plain!.variance).not.toHaveProperty('items');
    expect(shared!.variance['items']).toBeGreaterThan(0.9);
    expect(shared!.detectable!).toBeGreaterThan(plain!.detectable!);
  });
});

describe('a task measured by a risk', () => {
  const turned = trials.flatMap(({ task, seed, method, score }) =>
    cell(task, seed, { [method]: 1 - score!.value }, risk),
  );

  test('has the PGR that its opposite has', () => {
    const gapOf = (some: TrialResult[]) => of(some).summaries.find(({ method }) => method === 'other')!.pgr!;
    expect(gapOf(turned).value).toBeCloseTo(gapOf(trials).value!, 12);
    expect(gapOf(turned).low).toBeCloseTo(gapOf(trials).low!, 10);
  });

  test('is called by its name in the table', () => {
    const text = renderTable({ ...empty, ...of(turned), trials: turned }, 120);
    expect(text).toMatch(/risk \[95\s%\]/);
    expect(text).toContain('Risk: mean over cells');
    expect(text).not.toMatch(/accuracy/i);
    expect(text).toMatch(/Power: with 3 cells a difference in risk under 0\.\d+ is not visible here/);
  });
});

describe('over several tasks', () => {
  const several = [
    ...trials,
    ...trials.flatMap(({ seed, method, score }) => cell('b', seed, { [method]: score!.value - 0.05 })),
    ...trials.flatMap(({ seed, method, score }) =>
      cell('c', seed, { [method]: method === 'other' ? score!.value + 0.05 : score!.value }),
    ),
  ];

  test('there are medians, a PGR over all cells, and a difference', () => {
    const { overall, comparisons } = of(several);
    const other = overall.find(({ method }) => method === 'other')!;
    expect(other).toMatchObject({ cells: 9, median: { tasks: 3, excluded: 0 } });
    const gaps = of(several).summaries.filter(({ method }) => method === 'other');
    const values = gaps.map(({ pgr }) => pgr!.value!).sort((a, b) => a - b);
    expect(other.median.value).toBeCloseTo(values[1]!, 12);
    const whole = comparisons.find(({ group, method }) => group === null && method === 'other')!;
    expect(whole.cells).toBe(9);
    expect(whole.variance['task']).toBeGreaterThan(0.5);
  });

  test('the table says what few tasks cannot tell', () => {
    const tableOf = (some: TrialResult[]) => renderTable({ ...empty, ...of(some), trials: some }, 200);
    expect(tableOf(several)).toContain('With three tasks, intervals of differences');
    expect(tableOf(several.filter(({ task }) => task !== 'c'))).toContain(
      'Two tasks tell nothing of how tasks',
    );
    expect(tableOf(trials)).not.toMatch(/three tasks|Two tasks/);
  });

  test('nothing is averaged over tasks that are measured differently', () => {
    const mixed = [...trials, ...cell('d', 0, methods(0.5, 0.4, 0.3, 0.1), risk)];
    const { overall, comparisons } = of(mixed);
    expect(overall.every(({ pgr }) => pgr === null)).toBe(true);
    expect(comparisons.filter(({ group }) => group === null)).toEqual([]);
  });
});

function withoutScore(trial: TrialResult): TrialResult {
  const { score: _, ...rest } = trial;
  return { ...rest, status: 'missing' };
}

const empty: Results = {
  sweep: 'made up',
  plan: '',
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
