/** @file Where the rows of a task come from: the files of a user or of the hub, and which split each row was given for. */
import { z } from 'zod';
import { UserError } from '../base/errors.js';
import { filePath } from '../spec/fields.js';
import type { Row } from './columns.js';
import { isHubManifest, readHubManifest } from './hub-manifest.js';
import { formatOf, formats, readRows, type Format } from './rows.js';
import { locate, type Files } from './task.js';

/**
 * Which splits may draw a row. `train`: A and B, and whatever has no rows of its own. The others: that split alone, as
 * whoever published the data cut them.
 */
export const pools = ['train', 'A', 'B', 'validation', 'test'] as const;
export type Pool = (typeof pools)[number];

/** The parameters that hold a path, and what the rows of each are for. */
export const fileOfPool = {
  train: 'file',
  A: 'a-file',
  B: 'b-file',
  validation: 'validation-file',
  test: 'test-file',
} as const satisfies Record<Pool, string>;
export const fileParameters: readonly string[] = Object.values(fileOfPool);

const column = () => z.string().min(1);

/** What every task over files can be told first; `moreOfSource` stands at the end, since lists expand in this order. */
export const sourceShape = {
  file: filePath()
    .optional()
    .describe('the file: CSV or TSV with a header, JSON Lines (each also as .gz), or Parquet'),
  format: z.enum(formats).optional().describe("the files' format; by default their extension tells"),
};

export const moreOfSource = {
  'a-file': filePath().optional().describe('a file for A alone, where the data was published in parts'),
  'b-file': filePath().optional().describe('a file for B alone'),
  'validation-file': filePath().optional().describe('a file for validation alone'),
  'test-file': filePath().optional().describe('a file for test alone: the published test set'),
  'split-column': column()
    .optional()
    .describe(
      'a column that says which split a row is for: A, B, train (A and B share it), validation, test',
    ),
  hub: column().optional().describe('instead of files: a data set on the hub, owner/name'),
  revision: column().optional().describe('its branch, tag or commit; default main'),
  config: column().optional().describe('its configuration: the folder that the files stand in'),
  split: column().optional().describe('the split on the hub that A and B are drawn from; default train'),
  'validation-split': column().optional().describe('the split on the hub that is used for validation'),
  'test-split': column().optional().describe('the split on the hub that is used for test'),
};

export type SourceParameters = z.output<z.ZodObject<typeof sourceShape & typeof moreOfSource>>;

/** What is wrong with them together. */
export function checkSource(p: SourceParameters, fail: (path: string, message: string) => void): void {
  const named = fileParameters.filter((name) => p[name as keyof SourceParameters] !== undefined);
  const hasAll = named.includes('a-file') && named.includes('b-file') && named.includes('test-file');
  if (p.hub === undefined) {
    if (named.length === 0) fail('file', 'name the data by file: PATH, or by hub: OWNER/NAME');
    else if (!named.includes('file') && !hasAll)
      fail(
        'file',
        'without file:, each of A, B and test needs a file of its own (a-file, b-file, test-file)',
      );
    for (const name of ['revision', 'config', 'split', 'validation-split', 'test-split'] as const)
      if (p[name] !== undefined) fail(name, 'this is said of a data set on the hub, and no hub: is named');
  } else if (named.length > 0) fail('hub', `the data comes from the hub or from ${named[0]}, not from both`);
}

/**
 * The format of files by their extensions, before digests take the paths' places.
 * @throws UserError where an extension does not tell, or they differ
 */
export function resolveFormat(p: SourceParameters): Format | undefined {
  if (p.format !== undefined) return p.format;
  const paths = Object.values(pathsOf(p)).filter((path) => !isHubManifest(path));
  const found = paths.map((path) => ({ path, format: formatOf(path) }));
  const [first, ...others] = found;
  const other = others.find(({ format }) => format !== first?.format);
  if (first === undefined || other === undefined) return first?.format;
  throw new UserError(
    `${first.path} is ${first.format} and ${other.path} is ${other.format}; the files of a task have one format. ` +
      'Convert one, or rename it if the extension is wrong.',
  );
}

function pathsOf(p: SourceParameters): Partial<Record<Pool, string>> {
  const entries = pools.flatMap((pool) => {
    const path = p[fileOfPool[pool]];
    return path === undefined ? [] : [[pool, path] as const];
  });
  return Object.fromEntries(entries);
}

export interface SourceRow extends Row {
  readonly pool: Pool;
  /** File and place, for messages. */
  readonly where: string;
  /** Unique over all of the task's files; not the user's. */
  readonly id: string;
}

/** A file in place: what is read, and as what. */
interface Part {
  readonly path: string;
  readonly format: Format;
}

/**
 * All rows, file after file, with at least `columns` in each.
 * @throws UserError naming file and row for whatever is wrong
 */
export async function* sourceRows(
  p: SourceParameters,
  columns: readonly string[],
  files?: Files,
): AsyncGenerator<SourceRow> {
  const splitColumn = p['split-column'];
  const wanted = splitColumn === undefined ? columns : [...columns, splitColumn];
  for (const [pool, reference] of Object.entries(pathsOf(p)) as [Pool, string][]) {
    const path = locate(reference, files);
    let number = 0;
    for (const part of await partsOf(path, p.format)) {
      for await (const row of readRows(part.path, part.format, wanted)) {
        number++;
        const where = `${part.path}, ${row.place}`;
        const own = splitColumn === undefined || pool !== 'train' ? pool : poolOf(row, splitColumn, where);
        yield { ...row, pool: own, where, id: pool === 'train' ? `row-${number}` : `${pool}-row-${number}` };
      }
    }
  }
}

/** Reads no more than the first row of each file: enough to see that files and columns are there. */
export async function glanceAtSource(p: SourceParameters, columns: readonly string[]): Promise<void> {
  const splitColumn = p['split-column'];
  const wanted = splitColumn === undefined ? columns : [...columns, splitColumn];
  for (const path of Object.values(pathsOf(p))) {
    for (const part of await partsOf(path, p.format)) {
      const rows = readRows(part.path, part.format, wanted);
      await rows.next();
      await rows.return(undefined);
    }
  }
}

async function partsOf(path: string, format: Format | undefined): Promise<Part[]> {
  if (isHubManifest(path))
    return (await readHubManifest(path)).map((part) => ({ path: part, format: formatOf(part) }));
  return [{ path, format: format ?? formatOf(path) }];
}

const poolNames: Readonly<Record<string, Pool>> = {
  a: 'A',
  b: 'B',
  train: 'train',
  training: 'train',
  validation: 'validation',
  valid: 'validation',
  val: 'validation',
  dev: 'validation',
  test: 'test',
  testing: 'test',
};

function poolOf(row: Row, column: string, where: string): Pool {
  const value = row.values[column];
  const pool = typeof value === 'string' ? poolNames[value.trim().toLowerCase()] : undefined;
  if (pool !== undefined) return pool;
  throw new UserError(
    `${where}, column "${column}": expected A, B, train, validation or test, found ${JSON.stringify(value ?? null)}`,
  );
}

/** The splits whose rows are known to come by themselves before a row is read. */
export function ownPools(p: SourceParameters): Set<Pool> {
  const own = new Set(pools.filter((pool) => pool !== 'train' && p[fileOfPool[pool]] !== undefined));
  if (p['validation-split'] !== undefined) own.add('validation');
  if (p['test-split'] !== undefined) own.add('test');
  return own;
}

/** What the data is called in messages: its first file. */
export function sourceName(p: SourceParameters, files?: Files): string {
  const [path] = Object.values(pathsOf(p));
  return path === undefined ? String(p.hub) : locate(path, files);
}
