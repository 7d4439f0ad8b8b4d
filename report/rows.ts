/** @file The order in which methods are shown, and the groups that can be compared: one task, one pair. */
import type { MethodSummary, Results, TrialRole } from './results.js';

/** Methods on one task and one pair of models: one floor, one ceiling, one PGR scale. */
export interface Group {
  task: string;
  weak: string;
  strong: string;
  /** "dialects · weak → strong" */
  title: string;
  rows: MethodSummary[];
}

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
    const group = groups.get(title) ?? { task, weak, strong, title, rows: [] };
    group.rows.push(row);
    groups.set(title, group);
  }
  for (const group of groups.values())
    group.rows.sort((a, b) => roleOrder.indexOf(a.role) - roleOrder.indexOf(b.role));
  return [...groups.values()];
}

/** How a level is said: "95 %", kept on one line. */
export const percent = (level: number): string => `${Number((level * 100).toFixed(2))}\u00a0%`;
