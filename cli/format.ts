/** @file How keys, sizes and lists are written for people. */
import Table from 'cli-table3';

/** As many digits of a key as a person needs; every command takes them. */
export function shortKey(key: string): string {
  return key.slice(0, 12);
}

/** 1536 → "1.5 kB"; 999 → "999 B" (powers of 1000) */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let [value, unit] = [bytes, 0];
  while (value >= 999.95 && unit < units.length - 1) [value, unit] = [value / 1000, unit + 1];
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** Rows in aligned columns, without lines; `right` names the columns of numbers. */
export function columns(
  rows: string[][],
  { head = [], right = [] }: { head?: string[]; right?: number[] } = {},
): string {
  const edges = [
    'top',
    'top-mid',
    'top-left',
    'top-right',
    'bottom',
    'bottom-mid',
    'bottom-left',
    'bottom-right',
  ];
  const inner = ['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid'];
  const width = Math.max(head.length, ...rows.map((row) => row.length));
  const table = new Table({
    head,
    colAligns: Array.from({ length: width }, (_, column) => (right.includes(column) ? 'right' : 'left')),
    chars: { ...Object.fromEntries([...edges, ...inner].map((name) => [name, ''])), middle: '  ' },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  table.push(...rows);
  const lines = table.toString().split('\n');
  return lines.map((line) => line.trimEnd()).join('\n');
}

export function indented(text: string): string {
  return text.replaceAll(/^/gm, '  ');
}
