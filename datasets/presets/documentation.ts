/** @file The presets as the table in docs/data.md. */
import type { Preset } from './preset.js';
import { presets } from './registry.js';

/** Markdown as prettier leaves it, so that both agree on the file. */
export function presetTable(): string {
  const head = ['type', 'kind', 'on the hub', 'licence', 'columns', 'as in'];
  const rows = presets.map((preset) => [
    `\`${preset.name}\``,
    preset.base,
    placeOf(preset),
    preset.licence,
    preset.columns.map((column) => `\`${column}\``).join(', '),
    preset.as,
  ]);
  const widths = head.map((_, i) => Math.max(...[head, ...rows].map((row) => (row[i] ?? '').length)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}

function placeOf({ source, origin }: Preset): string {
  if (source === undefined) return `no: ${origin}`;
  const parts = [source.hub, source.config].filter((part) => part !== undefined).join(', ');
  const test = source['test-split'] === undefined ? '' : `, test: ${source['test-split']}`;
  return `${parts} (${source.split ?? 'train'}${test})`;
}
