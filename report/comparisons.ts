/** @file How methods compare, as rows of a table: differences beside a reference, what holds over all tasks, power. */
import {
  differenceDigits,
  formatDifference,
  formatInterval,
  formatNumber,
  formatP,
} from '../metrics/format.js';
import { median } from '../metrics/median.js';
import { usualPower } from '../metrics/comparison.js';
import { fewestLevels } from '../metrics/components.js';
import { defaultLevel } from '../metrics/interval.js';
import type { Comparison, OverallSummary, Results } from './results.js';
import { gapText, percent, type Group } from './rows.js';
import type { TextTable } from './text-table.js';

/** The comparisons within a group, or those over all of them. */
export function comparisonsOf(
  all: readonly Comparison[],
  group: Pick<Group, 'task' | 'weak' | 'strong'> | null,
): Comparison[] {
  return all.filter((comparison) =>
    group === null || comparison.group === null
      ? group === comparison.group
      : comparison.group.task === group.task &&
        comparison.group.weak === group.weak &&
        comparison.group.strong === group.strong,
  );
}

/** Whether the difference is for the better or the worse; undefined where it could be noise (Holm). */
export function verdict({ adjusted, difference, metric }: Comparison): 'better' | 'worse' | undefined {
  if (adjusted === null || adjusted >= 1 - difference.level) return undefined;
  return difference.mean > 0 === metric.higherIsBetter ? 'better' : 'worse';
}

/** The comparisons of a group as a table; undefined where there are none. */
export function comparisonText(
  all: readonly Comparison[],
  group: Group,
): { table: TextTable; comparisons: Comparison[] } | undefined {
  const comparisons = comparisonsOf(all, group);
  const [first] = comparisons;
  if (first === undefined) return undefined;
  return {
    comparisons,
    table: {
      head: [
        `less ${first.reference}`,
        `difference [${percent(first.difference.level)} together]`,
        'p (Holm)',
        'cells',
      ],
      rows: comparisons.map((comparison) => [
        comparison.method,
        differenceText(comparison),
        formatP(comparison.adjusted),
        String(comparison.cells),
      ]),
      startsGroup: (index) => comparisons[index - 1]?.role !== comparisons[index]?.role,
    },
  };
}

/** The mean difference with the ends that hold together with the others'. */
export function differenceText({ difference, simultaneous }: Comparison): string {
  return formatDifference({ ...simultaneous, mean: difference.mean });
}

/** Every method over all tasks and pairs; undefined where there is one of each. */
export function overallText(results: Results, notes: Set<string>): TextTable | undefined {
  if (results.overall.length === 0) return undefined;
  const beside = comparisonsOf(results.comparisons, null);
  const reference = beside[0]?.reference;
  return {
    head: [
      '',
      `median PGR [${percent(defaultLevel)}]`,
      'tasks',
      `PGR over all cells [${percent(defaultLevel)}]`,
      ...(reference === undefined ? [] : [`less ${reference}`]),
    ],
    rows: results.overall.map((row) => {
      const compared = beside.find(({ method, role }) => method === row.method && role === row.role);
      return [
        row.method,
        medianText(row),
        tasksText(row),
        gapText(row, notes),
        ...(reference === undefined ? [] : [compared === undefined ? '' : differenceText(compared)]),
      ];
    }),
    startsGroup: (index) => results.overall[index - 1]?.role !== results.overall[index]?.role,
  };
}

export function medianText({ median: found }: OverallSummary): string {
  if (found.value === null) return '–';
  if (found.low === null && found.high === null) return found.value.toFixed(2).replace('-', '−');
  return formatInterval({ ...found, value: found.value }, 2);
}

/**
 * What intervals over few tasks do not say; docs/statistics.md has the simulation. Undefined where there are enough
 * tasks, or only one.
 */
export function fewTasksNote({
  summaries,
  overall,
}: Pick<Results, 'summaries' | 'overall'>): string | undefined {
  const tasks = new Set(summaries.map(({ task }) => task)).size;
  if (overall.length === 0 || tasks === 1 || tasks > fewestLevels) return undefined;
  return tasks < fewestLevels
    ? 'Two tasks tell nothing of how tasks differ: what holds over all cells holds for these two'
    : 'With three tasks, intervals of differences over all cells held in 92 % of simulated sweeps, not in 95 %';
}

/** "5", "4 of 5": over how many tasks (and pairs) the median is, where some have no gap to recover. */
export function tasksText({ median: { tasks, excluded } }: OverallSummary): string {
  return excluded === 0 ? String(tasks) : `${tasks} of ${tasks + excluded}`;
}

/**
 * What could not have been seen, and what would help: from the variance that was observed. One line; none without
 * intervals.
 */
export function powerNote(comparisons: readonly Comparison[]): string[] {
  const known = comparisons.filter(({ detectable }) => detectable !== null && detectable > 0);
  const [first] = known;
  if (first === undefined) return [];
  const middle = median(known.map(({ detectable }) => detectable!));
  const cells = Math.min(...known.map((comparison) => comparison.cells));
  const items = median(known.map(({ variance }) => variance['items'] ?? 0));
  const size = formatNumber(middle, differenceDigits(middle));
  return [
    `Power: with ${cells} cells a difference in ${first.metric.name} under ${size} is not visible here` +
      ` (median over these comparisons; ${percent(usualPower)} power, each by itself).` +
      (items > 0.5
        ? ' Most of the variance is that of the test items, which seeds share: more items would help.'
        : ''),
  ];
}
