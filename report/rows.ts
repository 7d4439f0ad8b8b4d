/** @file The order in which methods are shown, and the groups that can be compared: one task, one pair. */
import { fewestLevels } from '../metrics/components.js';
import { formatGap } from '../metrics/format.js';
import type { Metric, MethodSummary, Results, TrialRole } from './results.js';

/** Methods on one task and one pair of models: one floor, one ceiling, one PGR scale. */
export interface Group {
  task: string;
  weak: string;
  strong: string;
  /** "dialects · weak → strong" */
  title: string;
  /** What its scores are. */
  metric: Metric;
  rows: MethodSummary[];
}

/** What a task that says nothing else is measured by. */
const usualMetric: Metric = { name: 'accuracy', higherIsBetter: true };

const roleOrder: readonly TrialRole[] = ['weak', 'method', 'control', 'ceiling'];

/** What a role is called where it is shown. */
export const roleNames: Record<TrialRole, string> = {
  weak: 'floor',
  method: 'methods',
  control: 'controls',
  ceiling: 'ceiling',
};

/** Summaries by task and pair; in each, the floor, the methods, the controls, the ceiling. */
export function groupsOf(results: Pick<Results, 'summaries'>): Group[] {
  const groups = new Map<string, Group>();
  for (const row of results.summaries) {
    const { task, weak, strong } = row;
    const title = `${task} · ${weak} → ${strong}`;
    const group = groups.get(title) ?? {
      task,
      weak,
      strong,
      title,
      metric: row.metric ?? usualMetric,
      rows: [],
    };
    if (row.metric !== null) group.metric = row.metric;
    group.rows.push(row);
    groups.set(title, group);
  }
  for (const group of groups.values())
    group.rows.sort((a, b) => roleOrder.indexOf(a.role) - roleOrder.indexOf(b.role));
  return [...groups.values()];
}

/** How a level is said: "95 %", kept on one line. */
export const percent = (level: number): string => `${Number((level * 100).toFixed(2))}\u00a0%`;

/** PGR in the table; the reason for which it has no bounds goes below the table, once. */
export function gapText(row: Pick<MethodSummary, 'role' | 'pgr'>, notes: Set<string>): string {
  if (row.role === 'weak') return '0 by definition';
  if (row.role === 'ceiling') return '1 by definition';
  if (row.pgr === null) return '–';
  const [, before = '', reason] = /^(.*?): ([^)]*)\)$/.exec(formatGap(row.pgr)) ?? [];
  if (reason === undefined) return formatGap(row.pgr);
  notes.add(reason);
  return `${before})`;
}

/** Whether a trial is of a group's task and pair. */
export const isOf = (group: Group, trial: { task: string; weak: string; strong: string }): boolean =>
  trial.task === group.task && trial.weak === group.weak && trial.strong === group.strong;

/**
 * What intervals do not speak of: where all cells come from two seeds, how much seeds differ cannot be told from them.
 * Undefined where there are more, or where a cell is all that a seed has.
 */
export function seedsNote({ trials }: Pick<Results, 'trials'>): string | undefined {
  const done = trials.filter(({ score }) => score !== undefined);
  const seeds = new Set(done.map(({ seed }) => seed)).size;
  const cells = new Set(done.map(({ cell }) => cell)).size;
  if (seeds >= fewestLevels || cells <= seeds) return undefined;
  return `${seeds === 1 ? 'One seed tells' : 'Two seeds tell'} nothing of how seeds differ: intervals speak of ${seeds === 1 ? 'this one' : 'these two'}, and from three seeds on of seeds in general`;
}
