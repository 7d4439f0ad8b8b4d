/** @file What a sweep found, for other programs: JSON of everything, CSV and Parquet of the trials. */
import { open, rename, rm } from 'node:fs/promises';
import { ByteWriter, parquetWrite } from 'hyparquet-writer';
import { gzipSync } from 'node:zlib';
import { canonicalJson } from '../base/json.js';
import type { Results, TrialResult } from './results.js';

/**
 * Everything, in an order that depends on nothing but what was found. `timings` comes last: without it, two runs of
 * one plan give the same bytes. Infinite ends of intervals are null.
 */
export function exportJson(results: Results): string {
  const { sweep, plan, device, summaries, comparisons, overall, curves } = results;
  const { trials, stages, data, timings } = results;
  const found = { sweep, plan, device, summaries, comparisons, overall, curves };
  const ordered = { ...found, trials, stages, data, timings };
  return `${JSON.stringify(withSortedKeys(ordered, true), null, 2)}\n`;
}

/** Mappings with their keys in order, except at the top, where the order is meant. */
function withSortedKeys(value: unknown, isTop = false): unknown {
  if (Array.isArray(value)) return value.map((item) => withSortedKeys(item));
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  if (!isTop) entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return Object.fromEntries(entries.map(([key, inner]) => [key, withSortedKeys(inner)]));
}

type Cell = string | number | bigint | null;

interface Column {
  name: string;
  type: 'STRING' | 'INT32' | 'INT64' | 'DOUBLE';
  of: (trial: TrialResult) => Cell;
}

const jsonOf = (values: Record<string, number> | undefined): string | null =>
  values === undefined ? null : canonicalJson(values);

/** A trial as a row. What a trial without a result does not have is empty (CSV) or null (Parquet). */
const columns: readonly Column[] = [
  { name: 'trial', type: 'STRING', of: (trial) => trial.id },
  { name: 'cell', type: 'STRING', of: (trial) => trial.cell },
  { name: 'task', type: 'STRING', of: (trial) => trial.task },
  { name: 'task_values', type: 'STRING', of: (trial) => canonicalJson(trial.taskValues) },
  { name: 'weak', type: 'STRING', of: (trial) => trial.weak },
  { name: 'strong', type: 'STRING', of: (trial) => trial.strong },
  { name: 'method', type: 'STRING', of: (trial) => trial.method },
  { name: 'method_values', type: 'STRING', of: (trial) => canonicalJson(trial.methodValues) },
  { name: 'role', type: 'STRING', of: (trial) => trial.role },
  { name: 'seed', type: 'INT64', of: (trial) => BigInt(trial.seed) },
  { name: 'status', type: 'STRING', of: (trial) => trial.status },
  { name: 'error', type: 'STRING', of: (trial) => trial.error ?? null },
  { name: 'metric', type: 'STRING', of: (trial) => trial.score?.metric.name ?? null },
  { name: 'score', type: 'DOUBLE', of: (trial) => trial.score?.value ?? null },
  { name: 'score_low', type: 'DOUBLE', of: (trial) => trial.score?.low ?? null },
  { name: 'score_high', type: 'DOUBLE', of: (trial) => trial.score?.high ?? null },
  { name: 'level', type: 'DOUBLE', of: (trial) => trial.score?.level ?? null },
  { name: 'correct', type: 'INT32', of: (trial) => trial.score?.correct ?? null },
  { name: 'total', type: 'INT32', of: (trial) => trial.score?.total ?? null },
  { name: 'measures', type: 'STRING', of: (trial) => jsonOf(trial.measures) },
  { name: 'beside_weak', type: 'STRING', of: (trial) => jsonOf(trial.besideWeak) },
  { name: 'evaluation', type: 'STRING', of: (trial) => trial.evaluation },
];

/** One line a trial, with a header (RFC 4180, line feeds). */
export function exportCsv(results: Pick<Results, 'trials'>): string {
  const lines = [
    columns.map(({ name }) => name),
    ...results.trials.map((trial) => columns.map(({ of }) => of(trial))),
  ];
  return lines.map((cells) => `${cells.map(csvCell).join(',')}\n`).join('');
}

function csvCell(cell: Cell): string {
  const text = cell === null ? '' : String(cell);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const rowsPerGroup = 2000;

/** Writes one row a trial to `path`, whole or not at all (temporary file, fsync, rename). */
export async function exportParquet(results: Pick<Results, 'trials'>, path: string): Promise<void> {
  const writer = new ByteWriter();
  await parquetWrite({
    writer,
    columnData: columns.map(({ name, type, of }) => ({
      name,
      type,
      nullable: true,
      data: results.trials.map(of),
    })),
    codec: 'GZIP',
    compressors: { GZIP: (bytes) => gzipSync(bytes, { level: 1 }) },
    rowGroupSize: rowsPerGroup,
  });
  const temporary = `${path}.${process.pid}.partial`;
  try {
    const file = await open(temporary, 'w');
    try {
      await file.writeFile(writer.getBytes());
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}
