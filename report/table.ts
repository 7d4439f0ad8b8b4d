/** @file What a sweep found as plain text, as wide as the terminal allows. */
import { formatGap, formatInterval } from '../metrics/format.js';
import type { MethodSummary, Results, TrialRole } from './results.js';
import { groupsOf, percent } from './rows.js';

const narrowest = 40;
const usualWidth = 100;

/**
 * The table of methods for each task and pair, what failed and why, and how to read the intervals.
 * @param width columns of the terminal; lines are kept within it
 */
export function renderTable(results: Results, width = process.stdout.columns ?? usualWidth): string {
  const notes = new Set<string>();
  const lines = groupsOf(results).flatMap(({ title, rows }) => [
    title,
    ...tableLines(rows, Math.max(width, narrowest), notes),
    '',
  ]);
  return [...lines, ...failures(results), ...explanations(results, notes)]
    .flatMap((line) => wrapped(line, Math.max(width, narrowest)))
    .join('\n');
}

interface Line {
  role: TrialRole;
  cells: [method: string, accuracy: string, gap: string, cells: string];
}

function tableLines(rows: readonly MethodSummary[], width: number, notes: Set<string>): string[] {
  const level = rows.find((row) => row.accuracy !== null)?.accuracy?.level ?? 0.95;
  const head: Line['cells'] = ['', `accuracy [${percent(level)}]`, `PGR [${percent(level)}]`, 'cells'];
  const body = rows.map((row): Line => ({
    role: row.role,
    cells: [
      row.method,
      row.accuracy === null ? '–' : formatInterval(row.accuracy),
      gapText(row, notes),
      row.failed > 0 ? `${row.cells} (${row.failed} failed)` : String(row.cells),
    ],
  }));
  const widths = head.map((_, column) =>
    Math.max(...[head, ...body.map((line) => line.cells)].map((cells) => columnsOf(cells[column] ?? ''))),
  );
  const [methodWidth = 0, ...others] = widths;
  const needed = others.reduce((sum, column) => sum + column + gutter, 0);
  const room = width - needed;
  if (room < Math.min(methodWidth, shortestMethod)) return stacked(body);
  widths[0] = Math.min(methodWidth, room);
  const rule = '─'.repeat(Math.min(width, widths[0] + needed));
  return [
    aligned(head, widths),
    rule,
    ...body.flatMap((line, index) => {
      const isFirstOfRole = index > 0 && body[index - 1]?.role !== line.role;
      const [name = '', ...more] = brokenName(line.cells[0], widths[0] ?? 0);
      return [
        ...(isFirstOfRole ? [rule.replaceAll('─', '┄')] : []),
        aligned([name, line.cells[1], line.cells[2], line.cells[3]], widths),
        ...more,
      ];
    }),
  ];
}

/** A method's name over as many lines as it takes: a name cut short may be another's too. */
function brokenName(name: string, width: number): string[] {
  const lines: string[] = [];
  let rest = name;
  while (columnsOf(rest) > width) {
    const at = rest.lastIndexOf(' ', width);
    if (at <= rest.search(/\S/)) break;
    lines.push(rest.slice(0, at));
    rest = `  ${rest.slice(at + 1)}`;
  }
  return [...lines, rest];
}

const gutter = 2;
const shortestMethod = 18;

/** On a narrow terminal: each method on a line of its own, its numbers below. */
function stacked(body: readonly Line[]): string[] {
  return body.flatMap(({ cells: [method, accuracy, gap, cells] }) => [
    method,
    `  accuracy ${accuracy}`,
    ...(gap === '' ? [] : [`  PGR ${gap}`]),
    `  cells ${cells}`,
  ]);
}

function aligned(cells: Line['cells'], widths: readonly number[]): string {
  return cells
    .map((cell, column) => clipped(cell, widths[column] ?? 0))
    .join(' '.repeat(gutter))
    .trimEnd();
}

function clipped(text: string, width: number): string {
  const chars = [...text];
  if (chars.length > width) return `${chars.slice(0, Math.max(0, width - 1)).join('')}…`;
  return text + ' '.repeat(width - chars.length);
}

const columnsOf = (text: string): number => [...text].length;

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
  const level = percent(rows.find((row) => row.accuracy !== null)?.accuracy?.level ?? 0.95);
  const hasOneCell = rows.some((row) => row.cells === 1);
  return [
    `Accuracy: mean over cells on the test split, with its ${level} t interval. PGR: (method − weak) / (ceiling − weak)` +
      ` over cells, with its ${level} interval by Fieller's method, which counts the uncertainty of all three.`,
    ...[...notes].map((reason) => `Unbounded or absent: ${reason}.`),
    ...(hasOneCell ? ['One cell has no interval: more seeds or tasks would give one.'] : []),
  ];
}

/** Breaks a line of prose at blanks; lines of the table fit as they are. */
function wrapped(line: string, width: number): string[] {
  const indent = /^ */.exec(line)?.[0] ?? '';
  const lines: string[] = [];
  let rest = line;
  while (columnsOf(rest) > width) {
    const at = rest.lastIndexOf(' ', width);
    if (at <= indent.length) break;
    lines.push(rest.slice(0, at));
    rest = `${indent}  ${rest.slice(at + 1)}`.replace(/^ {2}(?=\S)/, '');
  }
  return [...lines, rest];
}
