/** @file From trials to what a sweep found: rows of the table, comparisons, and what holds over all tasks. */
import { UserError } from '../base/errors.js';
import { canonicalJson } from '../base/json.js';
import { cellsInterval, type CellValues } from '../metrics/components.js';
import { compare } from '../metrics/comparison.js';
import { medianGap } from '../metrics/median.js';
import { gapRecovered } from '../metrics/pgr.js';
import {
  CellTable,
  done,
  levelsOf,
  metricOf,
  rowsOf,
  weakRow,
  type ItemScoresOf,
  type Row,
} from './cells.js';
import { parameterCurves } from './parameter-curves.js';
import type {
  Comparison,
  MeanInterval,
  MethodSummary,
  OverallSummary,
  Results,
  TrialResult,
} from './results.js';

export interface SummaryOptions {
  /** The scores of a trial's items, where they are known: cells that share items are not independent. */
  readonly itemsOf?: ItemScoresOf;
  /** What methods are compared with: a row of the table, or the first whose name begins with this. Default: naive. */
  readonly against?: string;
}

/** Everything that is computed from trials alone. */
export function summarise(
  trials: readonly TrialResult[],
  options: SummaryOptions = {},
): Pick<Results, 'summaries' | 'comparisons' | 'overall' | 'curves'> {
  const rows = rowsOf(trials);
  const table = new CellTable(rows, options.itemsOf);
  checkReference(rows, options.against);
  const groups = groupBy(rows, ({ task, weak, strong }) => JSON.stringify([task, weak, strong]));
  const over = groups.length > 1 ? overRows(rows) : [];
  return {
    summaries: rows.map((row) => summaryOf(row, table)),
    comparisons: [
      ...groups.flatMap((group) => comparisonsIn(group, table, options.against, group[0]!)),
      ...comparisonsIn(over, table, options.against, null),
    ],
    overall: over
      .filter(({ role }) => role === 'method' || role === 'control')
      .map((row) => overallOf(row, table)),
    curves: groups.flatMap((group) => parameterCurves(group, table)),
  };
}

function summaryOf(row: Row, table: CellTable): MethodSummary {
  const { task, weak, strong, method, role } = row;
  const known = done(row);
  const metric = metricOf(row);
  const gaps = table.gaps(row);
  const isBaseline = role === 'weak' || role === 'ceiling';
  return {
    task,
    weak,
    strong,
    method,
    role,
    cells: known.length,
    failed: row.trials.filter(({ status }) => status === 'failed').length,
    metric,
    score: metric === null ? null : cellsInterval(table.values(row)),
    pgr:
      isBaseline || metric === null || gaps.length === 0
        ? null
        : gapRecovered(gaps, undefined, metric.higherIsBetter),
    measures: meansOf(known, ({ measures }) => measures),
    besideWeak: meansOf(known, ({ besideWeak }) => besideWeak),
  };
}

/** The mean of each measure over the cells that have it. */
function meansOf(
  trials: readonly TrialResult[],
  found: (trial: TrialResult) => Record<string, number> | undefined,
): Record<string, MeanInterval> {
  const names = [...new Set(trials.flatMap((trial) => Object.keys(found(trial) ?? {})))];
  const cellsOf = (name: string): CellValues[] =>
    trials.flatMap((trial) => {
      const value = found(trial)?.[name];
      return value === undefined ? [] : [{ values: [value], levels: levelsOf(trial) }];
    });
  return Object.fromEntries(names.map((name) => [name, cellsInterval(cellsOf(name))]));
}

/** Rows with the same method on other tasks and pairs, as one. */
function overRows(rows: readonly Row[]): Row[] {
  return groupBy(rows, ({ role, method }) => JSON.stringify([role, method])).map((same) => ({
    ...same[0]!,
    trials: same.flatMap(({ trials }) => trials),
  }));
}

/** Methods, and controls, each as a family beside one reference. */
function comparisonsIn(
  rows: readonly Row[],
  table: CellTable,
  against: string | undefined,
  group: Comparison['group'],
): Comparison[] {
  const reference = referenceIn(rows, against);
  if (reference === undefined) return [];
  return (['method', 'control'] as const).flatMap((role) => {
    const family = rows.flatMap((row) => {
      const metric = metricOf(row);
      if (row.role !== role || row === reference || metric === null || !hasOneMetric(row)) return [];
      const cells = table.differences(row, reference);
      return cells.length === 0 ? [] : [{ row, metric, cells }];
    });
    return compare(family.map(({ cells }) => cells)).map((found, index): Comparison => {
      const { row, metric } = family[index]!;
      const where = group && { task: group.task, weak: group.weak, strong: group.strong };
      const { method } = row;
      return { group: where, method, role, reference: reference.method, metric, ...found };
    });
  });
}

function checkReference(rows: readonly Row[], against: string | undefined): void {
  if (against === undefined || referenceIn(rows, against) !== undefined) return;
  const names = [...new Set(rows.map(({ method }) => method))];
  throw new UserError(
    `no row of the table is called "${against}", or begins with it; there are: ${names.join(', ')}`,
  );
}

/** The row that the others are compared with; by default the first naive one, else the weak supervisor. */
function referenceIn(rows: readonly Row[], against: string | undefined): Row | undefined {
  if (against !== undefined)
    return (
      rows.find(({ method }) => method === against) ??
      rows.find(({ method }) => method.startsWith(`${against} `))
    );
  return (
    rows.find(({ role, method }) => role === 'method' && /^naive( |$)/.test(method)) ??
    rows.find(({ role, method }) => role === weakRow.role && method === weakRow.method)
  );
}

function overallOf(row: Row, table: CellTable): OverallSummary {
  const gaps = table.gaps(row);
  const tasks = groupBy(gaps, ({ levels }) => JSON.stringify([levels?.['task'], levels?.['pair']]));
  const higherIsBetter = metricOf(row)?.higherIsBetter ?? true;
  const comparable = hasOneMetric(row);
  return {
    method: row.method,
    role: row.role,
    cells: gaps.length,
    median: medianGap(tasks, `${row.role} ${row.method}`, { higherIsBetter }),
    pgr: gaps.length === 0 || !comparable ? null : gapRecovered(gaps, undefined, higherIsBetter),
  };
}

const hasOneMetric = (row: Row): boolean =>
  new Set(done(row).map(({ score }) => canonicalJson(score.metric))).size === 1;

function groupBy<T>(values: readonly T[], of: (value: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const value of values) {
    const group = groups.get(of(value));
    if (group === undefined) groups.set(of(value), [value]);
    else group.push(value);
  }
  return [...groups.values()];
}
