/** @file What a sweep found as plain text, as wide as the terminal allows. */
import { formatScore } from '../metrics/format.js';
import { comparisonText, fewTasksNote, overallText, powerNote } from './comparisons.js';
import type { Results } from './results.js';
import { gapText, groupsOf, percent, seedsNote, type Group } from './rows.js';
import { tableLines, wrapped } from './text-table.js';

const narrowest = 40;
const usualWidth = 100;

/**
 * The table of methods for each task and pair, how they compare, what holds over all tasks, what failed and why, and how
 * to read the intervals.
 * @param width columns of the terminal; lines are kept within it
 */
export function renderTable(results: Results, width = process.stdout.columns ?? usualWidth): string {
  const notes = new Set<string>();
  const room = Math.max(width, narrowest);
  const lines = groupsOf(results).flatMap((group) => {
    const compared = comparisonText(results.comparisons, group);
    return [
      group.title,
      ...tableLines(methodTable(group, notes), room),
      '',
      ...(compared === undefined
        ? []
        : [...tableLines(compared.table, room), ...powerNote(compared.comparisons), '']),
    ];
  });
  const overall = overallText(results, notes);
  return [
    ...lines,
    ...(overall === undefined ? [] : ['All tasks and pairs', ...tableLines(overall, room), '']),
    ...failures(results),
    ...explanations(results, notes),
  ]
    .flatMap((line) => wrapped(line, room))
    .join('\n');
}

function methodTable({ rows, metric }: Group, notes: Set<string>) {
  const level = rows.find((row) => row.score !== null)?.score?.level ?? 0.95;
  return {
    head: ['', `${metric.name} [${percent(level)}]`, `PGR [${percent(level)}]`, 'cells'],
    rows: rows.map((row) => [
      row.method,
      row.score === null ? '–' : formatScore(row.score),
      gapText(row, notes),
      row.failed > 0 ? `${row.cells} (${row.failed} failed)` : String(row.cells),
    ]),
    startsGroup: (index: number) => rows[index - 1]?.role !== rows[index]?.role,
  };
}

function failures(results: Results): string[] {
  const failed = results.trials.filter((trial) => trial.status === 'failed');
  const missing = results.trials.filter((trial) => trial.status === 'missing').length;
  return [
    ...(failed.length === 0 ? [] : [`${failed.length} of ${results.trials.length} trials failed:`]),
    ...failed.map((trial) => `  ${trial.id}: ${trial.error ?? 'no reason was kept'}`),
    ...(missing === 0 ? [] : [`${missing} of ${results.trials.length} trials have not been run.`]),
    ...(failed.length + missing === 0 ? [] : ['']),
  ];
}

function explanations(results: Results, notes: ReadonlySet<string>): string[] {
  const rows = results.summaries;
  const level = percent(rows.find((row) => row.score !== null)?.score?.level ?? 0.95);
  const seeds = seedsNote(results);
  const hasOneCell = rows.some((row) => row.cells === 1);
  const names = [...new Set(groupsOf(results).map(({ metric }) => metric.name))];
  const name = names.length === 1 ? `${names[0]!.charAt(0).toUpperCase()}${names[0]!.slice(1)}` : 'Score';
  return [
    `${name}: mean over cells on the test split, with its ${level} t interval. PGR: (method − weak) / (ceiling − weak)` +
      ` over cells, with its ${level} interval by Fieller's method, which counts the uncertainty of all three.`,
    ...(results.comparisons.length === 0
      ? []
      : [
          'Differences are paired over cells; their intervals hold together, and p is corrected (Holm), for the methods' +
            ' and for the controls compared with one reference.',
        ]),
    ...[seeds, fewTasksNote(results)].flatMap((note) => (note === undefined ? [] : [`${note}.`])),
    ...[...notes].map((reason) => `Unbounded or absent: ${reason}.`),
    ...(hasOneCell ? ['One cell has no interval: more seeds or tasks would give one.'] : []),
  ];
}
