/** @file Tables and prose as plain text of a given width: aligned where there is room, stacked where there is none. */

const gutter = 2;
const shortestName = 18;

export interface TextTable {
  /** Names of the columns; the first, of the rows' names, is empty. */
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** Whether a row begins another group than the one before it. */
  readonly startsGroup?: (index: number) => boolean;
}

/** The lines of a table. */
export function tableLines({ head, rows, startsGroup }: TextTable, width: number): string[] {
  const widths = head.map((_, column) =>
    Math.max(...[head, ...rows].map((cells) => columnsOf(cells[column] ?? ''))),
  );
  const [nameWidth = 0, ...others] = widths;
  const needed = others.reduce((sum, column) => sum + column + gutter, 0);
  const room = width - needed;
  if (room < Math.min(nameWidth, shortestName)) return stacked(head, rows);
  widths[0] = Math.min(nameWidth, room);
  const rule = '─'.repeat(Math.min(width, widths[0] + needed));
  return [
    aligned(head, widths),
    rule,
    ...rows.flatMap((cells, index) => {
      const [name = '', ...more] = brokenName(cells[0] ?? '', widths[0] ?? 0);
      return [
        ...(index > 0 && startsGroup?.(index) === true ? [rule.replaceAll('─', '┄')] : []),
        aligned([name, ...cells.slice(1)], widths),
        ...more,
      ];
    }),
  ];
}

/** A name over as many lines as it takes: one that is cut short may be another's too. */
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

/** On a narrow terminal: each name on a line of its own, its numbers below. */
function stacked(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  return rows.flatMap(([name = '', ...cells]) => [
    name,
    ...cells.flatMap((cell, index) =>
      cell === '' ? [] : [`  ${(head[index + 1] ?? '').replace(/ \[[^[]*\]$/, '')} ${cell}`],
    ),
  ]);
}

function aligned(cells: readonly string[], widths: readonly number[]): string {
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

/** Breaks a line of prose at blanks; lines of a table fit as they are. */
export function wrapped(line: string, width: number): string[] {
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
