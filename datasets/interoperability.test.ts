import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { DuckDBInstance } from '@duckdb/node-api';
import parquetjs from 'parquetjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { classification } from './classification.js';
import { readParquet } from './parquet.js';
import { writeCorpus, writeItems, writeLabels, writeTruth } from './shards.js';

/** More rows than a row group has; line breaks, quotes, letters outside ASCII, and a text longer than others. */
const items = Array.from({ length: 2100 }, (_, i) => ({
  id: `row-${i}`,
  text: ['plain', 'two\nlines', '"quoted", with a comma', 'é 漢 🙂', 'long '.repeat(50)][i % 5]! + i,
  choices: ['no', 'yes'],
}));
const truth = items.map(({ id }, i) => ({ id, label: i % 2 }));
const labels = items.map(({ id }, i) => ({
  id,
  label: Number(i > 1050),
  probabilities: [1 - i / 2100, i / 2100],
}));
const texts = items.map(({ text }) => text);

let folder: string;
let files: { items: string; truth: string; labels: string; corpus: string };
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'temper-interoperability-'));
  const inOwn = async (name: string, write: (own: string) => Promise<string[]>) => {
    const own = await mkdtemp(join(folder, `${name}-`));
    const [file] = await write(own);
    return join(own, file!);
  };
  files = {
    items: await inOwn('items', (own) => writeItems(own, 'B', items)),
    truth: await inOwn('truth', (own) => writeTruth(own, 'B', truth)),
    labels: await inOwn('labels', (own) => writeLabels(own, 'B', labels)),
    corpus: await inOwn('corpus', (own) => writeCorpus(own, texts)),
  };
});
afterAll(() => rm(folder, { recursive: true }));

async function readWithTemper(path: string) {
  const columns = { id: 'string', text: 'string', label: 'int32', probabilities: 'list<double>' } as const;
  const rows = [];
  for await (const group of readParquet(path, columns)) rows.push(...group);
  return rows;
}
const foreignRows = items.map(({ id, text }, i) => ({
  id,
  text,
  label: i % 3,
  probabilities: [i / 7, 0.5].slice(i % 2),
}));

describe('parquetjs', () => {
  async function readWithParquetjs(path: string, columns?: string[]) {
    const reader = await parquetjs.ParquetReader.openFile(path);
    const cursor = reader.getCursor(columns);
    const rows = [];
    for (let row = await cursor.next(); row; row = await cursor.next()) rows.push(row);
    await reader.close();
    return rows;
  }

  test('reads truth and corpora, and of items and labels the columns that are not lists', async () => {
    expect(await readWithParquetjs(files.truth)).toEqual(truth);
    expect(await readWithParquetjs(files.corpus)).toEqual(texts.map((text) => ({ text })));
    expect(await readWithParquetjs(files.items, ['id', 'text'])).toEqual(
      items.map(({ id, text }) => ({ id, text })),
    );
    expect(await readWithParquetjs(files.labels, ['id', 'label'])).toEqual(
      labels.map(({ id, label }) => ({ id, label })),
    );
  });

  test('does not know three-level lists (should this fail, it has learnt them: tell the documentation)', async () => {
    await expect(readWithParquetjs(files.labels)).rejects.toThrow();
  });

  test.each(['UNCOMPRESSED', 'GZIP', 'SNAPPY', 'BROTLI'] as const)(
    'writes what Temper reads, with %s',
    async (compression) => {
      const path = join(folder, `parquetjs-${compression}.parquet`);
      const schema = new parquetjs.ParquetSchema({
        id: { type: 'UTF8', compression },
        text: { type: 'UTF8', compression },
        label: { type: 'INT32', compression },
        probabilities: { type: 'DOUBLE', repeated: true, compression },
      });
      const writer = await parquetjs.ParquetWriter.openFile(schema, path);
      for (const row of foreignRows) await writer.appendRow(row);
      await writer.close();
      expect(await readWithTemper(path)).toEqual(foreignRows);
      const { report } = await classification.examples({ file: path }, 0);
      expect(report.counts).toMatchObject({
        rows: 2100,
        'kept texts': 2100,
        'class 0': 700,
        'class 1': 700,
        'class 2': 700,
      });
    },
  );
});

describe('DuckDB', () => {
  async function query(sql: string) {
    const instance = await DuckDBInstance.create(':memory:');
    const connection = await instance.connect();
    try {
      return (await connection.runAndReadAll(sql)).getRowObjectsJS();
    } finally {
      connection.closeSync();
      instance.closeSync();
    }
  }

  test('reads everything that Temper writes, lists included', async () => {
    expect(await query(`select * from '${files.items}'`)).toEqual(items);
    expect(await query(`select * from '${files.truth}'`)).toEqual(truth);
    expect(await query(`select * from '${files.labels}'`)).toEqual(labels);
    expect(await query(`select * from '${files.corpus}'`)).toEqual(texts.map((text) => ({ text })));
  });

  test('joins labels and truth, as one would to look into a run', async () => {
    const sql = `select avg((l.label = t.label)::int) as accuracy from '${files.labels}' l join '${files.truth}' t using (id)`;
    const right = labels.filter(({ label }, i) => label === truth[i]?.label).length;
    expect(await query(sql)).toEqual([{ accuracy: right / labels.length }]);
  });

  test.each(['uncompressed', 'gzip', 'snappy', 'brotli', 'zstd', 'lz4_raw'])(
    'writes what Temper reads, with %s',
    async (codec) => {
      const path = join(folder, `duckdb-${codec}.parquet`);
      const selection = `select l.id, i.text, t.label, l.probabilities from '${files.labels}' l join '${files.items}' i using (id)
      join '${files.truth}' t using (id) order by substr(l.id, 5)::int`;
      await query(`copy (${selection}) to '${path}' (format parquet, compression ${codec})`);
      expect(await readWithTemper(path)).toEqual(
        items.map(({ id, text }, i) => ({
          id,
          text,
          label: truth[i]?.label,
          probabilities: labels[i]?.probabilities,
        })),
      );
    },
  );
});

const python = process.env['TEMPER_TEST_PYTHON'] ?? 'python3';
const run = promisify(execFile);
const hasPyarrow = await run(python, ['-c', 'import pyarrow.parquet']).then(
  () => true,
  () => false,
);
if (!hasPyarrow) console.info(`skipping pyarrow: ${python} (TEMPER_TEST_PYTHON) cannot import it`);

describe.skipIf(!hasPyarrow)('pyarrow', () => {
  test('reads everything that Temper writes, lists included', async () => {
    const script =
      'import json, sys, pyarrow.parquet as pq; print(json.dumps(pq.read_table(sys.argv[1]).to_pylist()))';
    const read = async (path: string): Promise<unknown> => {
      const { stdout } = await run(python, ['-c', script, path], { maxBuffer: 2 ** 26 });
      return JSON.parse(stdout);
    };
    expect(await read(files.items)).toEqual(items);
    expect(await read(files.truth)).toEqual(truth);
    expect(await read(files.labels)).toEqual(labels);
    expect(await read(files.corpus)).toEqual(texts.map((text) => ({ text })));
  });

  test('writes what Temper reads: its defaults, and data pages of version 2', async () => {
    const script = `import pyarrow.parquet as pq, sys
table = pq.read_table(sys.argv[1])
pq.write_table(table, sys.argv[2])
pq.write_table(table, sys.argv[3], data_page_version='2.0', compression='zstd', row_group_size=700)`;
    const paths = [join(folder, 'pyarrow-1.parquet'), join(folder, 'pyarrow-2.parquet')];
    await run(python, ['-c', script, files.labels, ...paths]);
    for (const path of paths) {
      const rows = [];
      const columns = { id: 'string', label: 'int32', probabilities: 'list<double>' } as const;
      for await (const group of readParquet(path, columns)) rows.push(...group);
      expect(rows).toEqual(labels);
    }
  });
});
