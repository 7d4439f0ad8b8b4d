/** @file Parquet files of the few column types that Temper writes, and the rows of anyone's. */
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { brotliDecompressSync, gunzipSync, gzipSync } from 'node:zlib';
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects, parquetSchema } from 'hyparquet';
import type { Compressors, SchemaElement } from 'hyparquet';
import { compressors as libraryCompressors } from 'hyparquet-compressors';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import { writeIndexes } from 'hyparquet-writer/src/indexes.js';
import { writeMetadata } from 'hyparquet-writer/src/metadata.js';
import { messageOf } from '../base/errors.js';

export type ColumnType = 'string' | 'int32' | 'double' | 'list<string>' | 'list<int32>' | 'list<double>';
export type Columns = Record<string, ColumnType>;
/** What a column type is in JavaScript. */
export type ValueOf<T extends ColumnType> = T extends `list<${infer E extends 'string' | 'int32' | 'double'}>`
  ? ValueOf<E>[]
  : T extends 'string'
    ? string
    : number;
export type RowOf<C extends Columns> = { [K in keyof C]: ValueOf<C[K]> };

/** At 2,000 rows a group takes some 50 ms to write; at 50,000 the event loop would stand still for 1.6 s. */
const rowsPerGroup = 2000;

/**
 * Writes `rows` to `path`: GZIP level 1, PLAIN values, three-level lists, nothing nullable, row groups of 2,000. The
 * file appears whole (temporary file, fsync, rename) and the same rows give the same bytes with the same zlib.
 */
export async function writeParquet<C extends Columns>(
  path: string,
  columns: C,
  rows: readonly RowOf<C>[],
): Promise<void> {
  const names = Object.keys(columns);
  const bytes = new ByteWriter();
  const writer = new FileWriter({
    writer: bytes,
    schema: schemaOf(columns),
    codec: 'GZIP',
    compressors: { GZIP: gzip },
    createdBy: 'temper',
  });
  for (let start = 0; start < rows.length; start += rowsPerGroup) {
    const group = rows.slice(start, start + rowsPerGroup);
    group.forEach((row, i) => checkRow(columns, row, `row ${start + i} for ${path}`));
    await writer.write({
      columnData: names.map((name) => ({ name, data: group.map((row) => row[name]), encoding: 'PLAIN' })),
      rowGroupSize: rowsPerGroup,
    });
    await new Promise(setImmediate); // heartbeats go out between two groups
  }
  await writer.finish();
  await writeWhole(path, bytes.getBytes());
}

/**
 * The rows of a file that has these columns, and maybe the optional ones, one row group at a time. Throws an Error that
 * names the file.
 */
export async function* readParquet<C extends Columns, O extends Columns = Record<never, never>>(
  path: string,
  columns: C,
  optional?: O,
): AsyncGenerator<(RowOf<C> & Partial<RowOf<O>>)[]> {
  let row = 0;
  let wanted: Columns = columns;
  const choose = (present: string[]): string[] => {
    const extra = Object.entries(optional ?? {}).filter(([name]) => present.includes(name));
    wanted = { ...columns, ...Object.fromEntries(extra) };
    return Object.keys(wanted);
  };
  for await (const group of readRowGroups(path, choose)) {
    for (const values of group) checkRow(wanted, values, `${path}, row ${row++}`);
    yield group as (RowOf<C> & Partial<RowOf<O>>)[];
  }
}

/**
 * The rows of any Parquet file, one row group at a time. `choose` is told the file's top-level columns and answers
 * which of them to read.
 */
export async function* readRowGroups(
  path: string,
  choose: (columns: string[]) => string[],
): AsyncGenerator<Record<string, unknown>[]> {
  const file = await asyncBufferFromFile(path);
  const metadata = await naming(path, () => parquetMetadataAsync(file));
  const present = parquetSchema(metadata).children.map(({ element }) => element.name);
  const columns = choose(present);
  const missing = columns.find((name) => !present.includes(name));
  if (missing !== undefined)
    throw new Error(`${path} has no column ${missing}; it has ${present.join(', ')}`);
  let rowStart = 0;
  for (const { num_rows } of metadata.row_groups) {
    const rowEnd = rowStart + Number(num_rows);
    const range = { file, metadata, columns, rowStart, rowEnd, compressors, useOffsetIndex: true };
    yield await naming(path, () => parquetReadObjects(range));
    rowStart = rowEnd;
  }
}

async function naming<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw new Error(`${path} is not a Parquet file that can be read to its end: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** zlib's own decompressors check what they read (GZIP has a checksum); the rest come from the library. */
const compressors: Compressors = {
  ...libraryCompressors,
  GZIP: (input) => gunzipSync(input),
  BROTLI: (input) => brotliDecompressSync(input),
};

function gzip(input: Uint8Array): Uint8Array {
  const output = gzipSync(input, { level: 1 });
  output[9] = 255; // the header's operating system: "unknown", so that it does not tell where the file was written
  return output;
}

/** Says format version 1 in the footer, which is true of what we write and the only one that parquetjs accepts. */
class FileWriter extends ParquetWriter {
  override finish(): void | Promise<void> {
    writeIndexes(this.writer, this.pendingIndexes);
    writeMetadata(this.writer, {
      version: 1,
      created_by: this.createdBy,
      schema: this.schema,
      num_rows: this.num_rows,
      row_groups: this.row_groups,
      metadata_length: 0,
    });
    this.writer.appendBytes(new TextEncoder().encode('PAR1'));
    return this.writer.finish();
  }
}

const elements = {
  string: { type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' } },
  int32: { type: 'INT32' },
  double: { type: 'DOUBLE' },
} as const satisfies Record<string, Partial<SchemaElement>>;

function schemaOf(columns: Columns): SchemaElement[] {
  const entries = Object.entries(columns);
  return [
    { name: 'root', num_children: entries.length },
    ...entries.flatMap(([name, type]): SchemaElement[] => {
      const element = elementType(type);
      const leaf = { ...elements[element], repetition_type: 'REQUIRED' as const };
      if (type === element) return [{ name, ...leaf }];
      const list = { converted_type: 'LIST', logical_type: { type: 'LIST' } } as const;
      return [
        { name, num_children: 1, repetition_type: 'REQUIRED', ...list },
        { name: 'list', num_children: 1, repetition_type: 'REPEATED' },
        { name: 'element', ...leaf },
      ];
    }),
  ];
}

function elementType(type: ColumnType): keyof typeof elements {
  return (type.startsWith('list<') ? type.slice(5, -1) : type) as keyof typeof elements;
}

const fits: Record<keyof typeof elements, (value: unknown) => boolean> = {
  string: (value) => typeof value === 'string',
  int32: (value) => typeof value === 'number' && (value | 0) === value,
  double: (value) => typeof value === 'number',
};

function checkRow(columns: Columns, row: Record<string, unknown>, where: string): void {
  for (const [name, type] of Object.entries(columns)) {
    const value = row[name];
    const fitsElement = fits[elementType(type)];
    const good = type.startsWith('list<')
      ? Array.isArray(value) && value.every(fitsElement)
      : fitsElement(value);
    if (!good) throw new TypeError(`${where}: ${name} is ${JSON.stringify(value)}, not ${type}`);
  }
}

async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    const file = await open(temporary, 'w');
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
