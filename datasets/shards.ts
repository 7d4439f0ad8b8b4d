/** @file Items, truth, labels and corpora as Parquet shards in a folder: `B-00000-of-00004.parquet`. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readParquet, writeParquet, type Columns, type RowOf } from './parquet.js';
import type { Item, Label, Split, Truth } from './task.js';

const itemColumns = { id: 'string', text: 'string', choices: 'list<string>' } as const satisfies Columns;
const truthColumns = { id: 'string', label: 'int32' } as const satisfies Columns;
const labelColumns = {
  id: 'string',
  label: 'int32',
  probabilities: 'list<double>',
} as const satisfies Columns;
/** Columns that a file has only where a row needs them, and what rows without have in them. */
const truthExtras = { answer: 'string' } as const satisfies Columns;
const labelExtras = { answer: 'string', weight: 'double', texts: 'list<string>' } as const satisfies Columns;
const absent = { answer: '', weight: 1, texts: [] as string[] };

const corpusColumns = { text: 'string' } as const satisfies Columns;

export interface WriteOptions {
  /** Shards of the whole (default 1). */
  of?: number;
  /** The values are this shard alone, counted from 0. By default they are the whole, cut into `of` shards. */
  shard?: number;
}

export interface ReadOptions {
  /** Only this shard, counted from 0. By default all, in order. */
  shard?: number;
}

/** Each writer returns the names of the files it wrote; each reader throws an Error where a shard is missing. */
export async function writeItems(
  folder: string,
  split: Split,
  items: readonly Item[],
  options?: WriteOptions,
) {
  return writeShards(folder, split, itemColumns, items, options);
}
export async function readItems(folder: string, split: Split, options?: ReadOptions): Promise<Item[]> {
  return readShards(folder, split, itemColumns, options);
}
export async function writeTruth(
  folder: string,
  split: Split,
  truth: readonly Truth[],
  options?: WriteOptions,
) {
  return writeShards(folder, split, ...withExtras(truthColumns, truthExtras, truth), options);
}
export async function readTruth(folder: string, split: Split, options?: ReadOptions): Promise<Truth[]> {
  return readShards(folder, split, truthColumns, options, truthExtras);
}
export async function writeLabels(
  folder: string,
  split: Split,
  labels: readonly Label[],
  options?: WriteOptions,
) {
  return writeShards(folder, split, ...withExtras(labelColumns, labelExtras, labels), options);
}
/** Labels are made shard by shard, each in its own artifact: several folders are read as the shards, in order. */
export async function readLabels(
  folders: string | readonly string[],
  split: Split,
  options: ReadOptions = {},
): Promise<Label[]> {
  if (typeof folders === 'string') return readShards(folders, split, labelColumns, options, labelExtras);
  const parts = folders.map((folder, shard) => ({ folder, shard }));
  const wanted = options.shard === undefined ? parts : parts.filter(({ shard }) => shard === options.shard);
  const labels: Label[] = [];
  for (const { folder, shard } of wanted)
    labels.push(...(await readPart(folder, split, labelColumns, shard, folders.length, labelExtras)));
  return labels;
}
export async function writeCorpus(folder: string, texts: readonly string[], options?: WriteOptions) {
  const rows = texts.map((text) => ({ text }));
  return writeShards(folder, 'corpus', corpusColumns, rows, options);
}
export async function readCorpus(folder: string, options?: ReadOptions): Promise<string[]> {
  return (await readShards(folder, 'corpus', corpusColumns, options)).map(({ text }) => text);
}

/** Which of `total` values are in a shard: contiguous, and no shard has more than one value more than another. */
export function shardRange(total: number, shard: number, of: number): { start: number; end: number } {
  if (!(shard >= 0 && shard < of)) throw new RangeError(`there is no shard ${shard} of ${of}`);
  return { start: Math.floor((total * shard) / of), end: Math.floor((total * (shard + 1)) / of) };
}

function shardName(name: string, shard: number, of: number): string {
  const digits = (n: number) => String(n).padStart(5, '0');
  return `${name}-${digits(shard)}-of-${digits(of)}.parquet`;
}

async function writeShards<C extends Columns>(
  folder: string,
  name: string,
  columns: C,
  rows: readonly RowOf<C>[],
  { of = 1, shard: only }: WriteOptions = {},
): Promise<string[]> {
  const files: string[] = [];
  const shards = only === undefined ? Array.from({ length: of }, (_, shard) => shard) : [only];
  for (const shard of shards) {
    const { start, end } = shardRange(rows.length, shard, of);
    const file = shardName(name, shard, of);
    await writeParquet(join(folder, file), columns, only === undefined ? rows.slice(start, end) : rows);
    files.push(file);
  }
  return files;
}

async function readShards<C extends Columns, O extends Columns = Record<never, never>>(
  folder: string,
  name: string,
  columns: C,
  { shard }: ReadOptions = {},
  extras?: O,
) {
  const of = await shardsIn(folder, name);
  const shards = shard === undefined ? Array.from({ length: of }, (_, index) => index) : [shard];
  const rows: (RowOf<C> & Partial<RowOf<O>>)[] = [];
  for (const index of shards)
    for (const row of await readPart(folder, name, columns, index, of, extras)) rows.push(row);
  return rows;
}

async function readPart<C extends Columns, O extends Columns = Record<never, never>>(
  folder: string,
  name: string,
  columns: C,
  shard: number,
  of: number,
  extras?: O,
) {
  shardRange(0, shard, of);
  const rows: (RowOf<C> & Partial<RowOf<O>>)[] = [];
  for await (const group of readParquet(join(folder, shardName(name, shard, of)), columns, extras)) {
    for (const row of group) rows.push(row);
  }
  return rows;
}

/** The columns that these rows need, and the rows with a value in each of them. */
function withExtras(
  columns: Columns,
  extras: Columns,
  rows: readonly (Label | Truth)[],
): [Columns, RowOf<Columns>[]] {
  const used = Object.keys(extras).filter((name) =>
    rows.some((row) => row[name as keyof typeof row] !== undefined),
  );
  const chosen = Object.fromEntries(used.map((name) => [name, extras[name]!]));
  const filler = Object.fromEntries(used.map((name) => [name, absent[name as keyof typeof absent]]));
  return [{ ...columns, ...chosen }, rows.map((row) => ({ ...filler, ...row }))];
}

/** How many shards the files of a folder say there are. */
async function shardsIn(folder: string, name: string): Promise<number> {
  const counts = new Set<number>();
  for (const file of await readdir(folder)) {
    const match = /^(.+)-\d{5}-of-(\d{5})\.parquet$/.exec(file);
    if (match?.[1] === name) counts.add(Number(match[2]));
  }
  const [of] = counts;
  if (of === undefined) throw new Error(`${folder} has no ${name}-00000-of-….parquet`);
  if (counts.size > 1)
    throw new Error(`${folder} has shards of ${name} from different cuts: of ${[...counts].join(', of ')}`);
  return of;
}
