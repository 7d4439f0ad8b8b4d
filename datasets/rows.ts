/** @file The rows of a user's file, whatever its format, and errors that say where in it something is wrong. */
import { extname } from 'node:path';
import { codeOf, messageOf, UserError } from '../base/errors.js';
import { checkAnyColumn, checkColumns, columnOf, type Row } from './columns.js';
import { csvRows } from './csv.js';
import { jsonlRows } from './jsonl.js';
import { readRowGroups } from './parquet.js';

export const formats = ['csv', 'tsv', 'jsonl', 'parquet'] as const;
export type Format = (typeof formats)[number];

const extensions: Record<string, Format> = {
  '.csv': 'csv',
  '.tsv': 'tsv',
  '.tab': 'tsv',
  '.jsonl': 'jsonl',
  '.ndjson': 'jsonl',
  '.parquet': 'parquet',
  '.pq': 'parquet',
};

/** The format that a path's extension stands for; text files may be packed: `.jsonl.gz`. */
export function formatOf(path: string): Format {
  const format = extensions[extname(path.replace(/\.gz$/i, '')).toLowerCase()];
  if (format === undefined) {
    throw new UserError(
      `${path}: the extension does not tell the format; say format: ${formats.join(' | ')} beside the file`,
    );
  }
  return format;
}

/**
 * Reads a file row by row, with at least `columns` in each row, and those of `optional` that are there.
 * Throws a UserError that names file and place for whatever is wrong with it.
 */
export async function* readRows(
  path: string,
  format: Format,
  columns: readonly string[],
  optional: readonly string[] = [],
): AsyncGenerator<Row> {
  try {
    yield* rowsOf(path, format, columns, optional);
  } catch (error) {
    throw readingError(path, error);
  }
}

function rowsOf(
  path: string,
  format: Format,
  columns: readonly string[],
  optional: readonly string[],
): AsyncGenerator<Row> {
  switch (format) {
    case 'csv':
      return csvRows(path, ',', columns);
    case 'tsv':
      return csvRows(path, '\t', columns);
    case 'jsonl':
      return jsonlRows(path, columns);
    case 'parquet':
      return parquetRows(path, columns, optional);
  }
}

async function* parquetRows(
  path: string,
  columns: readonly string[],
  optional: readonly string[],
): AsyncGenerator<Row> {
  let number = 0;
  const groups = readRowGroups(path, (present) => {
    checkColumns(path, columns, present);
    if (columns.length === 0) checkAnyColumn(path, optional, present);
    return [...new Set([...columns, ...optional].flatMap((name) => columnOf(name, present) ?? []))];
  });
  for await (const group of groups) {
    for (const values of group) yield { number: ++number, place: `row ${number}`, values };
  }
}

function readingError(path: string, error: unknown): unknown {
  if (error instanceof UserError) return error;
  const reasons: Record<string, string> = {
    ENOENT: 'there is no such file',
    EISDIR: 'it is a folder, not a file',
    EACCES: 'it may not be read by this user',
  };
  const reason = reasons[codeOf(error) ?? ''];
  if (reason !== undefined) return new UserError(`${path}: ${reason}`, { cause: error });
  const message = messageOf(error);
  return new UserError(message.startsWith(path) ? message : `${path}: ${message}`, { cause: error });
}
