import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { UserError } from '../base/errors.js';
import { valueAt, type Row } from './columns.js';
import { writeParquet } from './parquet.js';
import { formatOf, readRows, type Format } from './rows.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'temper-rows-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function read(
  path: string,
  columns = ['text', 'label'],
  format: Format = formatOf(path),
): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const row of readRows(path, format, columns)) rows.push(row);
  return rows;
}

async function file(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

/** The message of the UserError that reading ends with, without the folder. */
async function complaint(path: string, columns?: string[]): Promise<string> {
  const error: unknown = await read(path, columns).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(UserError);
  return (error as UserError).message.replaceAll(`${folder}/`, '');
}

describe('the same rows from every format', () => {
  const expected = [
    { text: 'a "b", c', label: 'x' },
    { text: 'two\nlines é', label: 'y' },
  ];

  test.each([
    ['rows.csv', 'text,label\n"a ""b"", c",x\n"two\nlines é",y\n'],
    ['windows.csv', '\ufefftext,label\r\n"a ""b"", c",x\r\n"two\nlines é",y'],
    ['blank-lines.csv', 'text,label\n\n"a ""b"", c",x\n\n\n"two\nlines é",y\n\n'],
    ['rows.tsv', 'text\tlabel\n"a ""b"", c"\tx\n"two\nlines é"\ty\n'],
    ['unquoted.tsv', 'text\tlabel\na "b", c\tx\n"two\nlines é"\ty\n'],
    ['rows.jsonl', `${expected.map((row) => JSON.stringify(row)).join('\n')}\n`],
    ['blank-lines.jsonl', `\n${expected.map((row) => JSON.stringify(row)).join('\r\n\r\n')}`],
  ])('%s', async (name, content) => {
    const rows = await read(await file(name, content));
    expect(rows.map(({ values }) => values)).toEqual(expected);
    expect(rows.map(({ number }) => number)).toEqual([1, 2]);
  });

  test('rows.parquet', async () => {
    const path = join(folder, 'rows.parquet');
    await writeParquet(path, { text: 'string', label: 'string' }, expected);
    expect((await read(path)).map(({ values }) => values)).toEqual(expected);
  });

  test('columns that need not be there are read where they are', async () => {
    const path = join(folder, 'optional.parquet');
    await writeParquet(path, { text: 'string', label: 'string', ids: 'list<int32>' }, [
      { text: 'a', label: 'x', ids: [1, 2] },
    ]);
    const rows: Row[] = [];
    for await (const row of readRows(path, 'parquet', [], ['ids', 'mask', 'text'])) rows.push(row);
    expect(rows.map(({ values }) => values)).toEqual([{ ids: [1, 2], text: 'a' }]);
    await expect(readRows(path, 'parquet', [], ['mask', 'tokens']).next()).rejects.toThrow(
      'none of the columns "mask", "tokens". The columns are "text", "label", "ids".',
    );
  });

  test('the place of a row is the line that it starts on, as an editor counts', async () => {
    const path = await file('places.csv', 'text,label\n"1\n2\n3",x\n\n"6",y\n7,z\n');
    expect((await read(path)).map(({ place }) => place)).toEqual(['line 2', 'line 6', 'line 7']);
  });

  test('a text larger than the blocks that files are read in stays whole', async () => {
    const long = 'é\n'.repeat(100_000);
    const rows = await read(await file('long.csv', `text,label\n"${long}",x\nb,y\n`));
    expect(rows.map(({ values }) => values['text'])).toEqual([long, 'b']);
    expect(rows[1]?.place).toBe('line 100003');
  });
});

describe('what is wrong with a file is said with its place', () => {
  test('a column that is not there', async () => {
    const path = await file('columns.csv', 'prompt,is_safe\na,True\n');
    expect(await complaint(path, ['promt'])).toBe(
      'columns.csv: there is no column "promt". The columns are "prompt", "is_safe". Did you mean "prompt"?',
    );
    expect(await complaint(path, ['question'])).not.toContain('Did you mean');
    const lines = await file('columns.jsonl', '{"text":"a","label":1}\n{"text":"b"}\n');
    expect(await complaint(lines)).toContain(
      'columns.jsonl, line 2: there is no column "label". The columns are "text".',
    );
  });

  test.each([
    [
      'a ragged row',
      'ragged.csv',
      'text,label\n"a\nb",x\nc,y,z\n',
      ['ragged.csv, line 4:', 'has 3 fields, the header has 2 (text, label)'],
    ],
    [
      'a quote that never closes',
      'open.csv',
      'text,label\na,x\nb,"y\nc,z\n',
      ['open.csv, row starting at line 3: a quote opens in this row'],
    ],
    ['no header', 'empty.csv', '', ['empty.csv is empty; expected a header line']],
    [
      'a column twice',
      'twice.csv',
      'text,label,text\na,x,b\n',
      ['twice.csv: the header has the column "text" twice'],
    ],
    [
      'no JSON',
      'no.jsonl',
      '{"text":"a","label":1}\n{"text":\n',
      ['no.jsonl, line 2: not JSON', 'expected one object a line'],
    ],
    ['an array', 'array.jsonl', '[1]\n', ['array.jsonl, line 1: expected a JSON object, found [1]']],
    ['no rows', 'empty.jsonl', '\n', ['empty.jsonl has no rows']],
    [
      'no Parquet',
      'no.parquet',
      'text,label\na,x\n',
      ['no.parquet is not a Parquet file that can be read to its end'],
    ],
  ])('%s', async (_, name, content, parts) => {
    const message = await complaint(await file(name, content));
    for (const part of parts) expect(message).toContain(part);
  });

  test('bytes that are not UTF-8', async () => {
    const bytes = Buffer.concat([Buffer.from('text,label\nà,x\n'), Buffer.from('caf\xe9,y\n', 'latin1')]);
    for (const name of ['latin.csv', 'latin.jsonl']) {
      expect(await complaint(await file(name, bytes))).toContain(
        `${name}, line 3: this is not UTF-8 (read as Latin-1 it says "café,y"). Convert the file first`,
      );
    }
  });

  test('a truncated Parquet file', async () => {
    const path = join(folder, 'whole.parquet');
    const rows = Array.from({ length: 5000 }, (_, i) => ({ text: `text ${i}`, label: 'x' }));
    await writeParquet(path, { text: 'string', label: 'string' }, rows);
    const bytes = await readFile(path);
    expect(await complaint(await file('cut.parquet', bytes.subarray(0, bytes.length / 2)))).toContain(
      'cut.parquet is not a Parquet file that can be read to its end',
    );
  });

  test('no file, a folder, an unknown extension', async () => {
    expect(await complaint(join(folder, 'nowhere.csv'))).toBe('nowhere.csv: there is no such file');
    await expect(read(folder, ['text'], 'csv')).rejects.toThrow('it is a folder, not a file');
    expect(() => formatOf('data.xlsx')).toThrow(
      'data.xlsx: the extension does not tell the format; say format: csv | tsv | jsonl | parquet beside the file',
    );
  });
});

describe('packed files', () => {
  test('are unpacked, whatever they are called', async () => {
    const packed = gzipSync('{"text":"é","label":1}\n{"text":"b","label":0}\n');
    const expected = [
      { text: 'é', label: 1 },
      { text: 'b', label: 0 },
    ];
    expect(formatOf('x/rows.JSONL.gz')).toBe('jsonl');
    expect((await read(await file('rows.jsonl.gz', packed))).map(({ values }) => values)).toEqual(expected);
    const nameless = await file('0123abcd', packed);
    expect((await read(nameless, ['text'], 'jsonl')).map(({ values }) => values)).toEqual(expected);
  });

  test('that break off say so, and keep the line of what is wrong in them', async () => {
    const packed = gzipSync('text,label\na,1\n');
    expect(await complaint(await file('cut.csv.gz', packed.subarray(0, packed.length - 6)))).toContain(
      'cut.csv.gz begins like a gzip file and cannot be unpacked (unexpected end of file)',
    );
    expect(await complaint(await file('ragged.csv.gz', gzipSync('text,label\na,1\nb\n')))).toContain(
      'ragged.csv.gz, line 3: this row has 1 field',
    );
  });
});

describe('fields inside of columns', () => {
  test('are read by a path, from JSON Lines and Parquet', async () => {
    const values = { prompt: { text: 'hello', scores: [1, 2] }, 'a.b': 'flat' };
    const [row] = await read(await file('nested.jsonl', JSON.stringify(values)), ['prompt.text', 'a.b']);
    expect(valueAt(row!.values, 'prompt.text')).toBe('hello');
    expect(valueAt(row!.values, 'prompt.scores.1')).toBe(2);
    expect(valueAt(row!.values, 'a.b')).toBe('flat');
    expect(valueAt(row!.values, 'prompt.none')).toBeUndefined();
    const lists = join(folder, 'lists.parquet');
    await writeParquet(lists, { answers: 'list<string>' }, [{ answers: ['x', 'y'] }]);
    const [listed] = await read(lists, ['answers.1']);
    expect(valueAt(listed!.values, 'answers.1')).toBe('y');
    expect(await complaint(lists, ['texts.1'])).toContain('there is no column "texts.1"');
  });
});
