import fc from 'fast-check';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readParquet, writeParquet, type Columns, type RowOf } from './parquet.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'temper-parquet-'));
});
afterAll(() => rm(folder, { recursive: true }));

const columns = {
  id: 'string',
  label: 'int32',
  score: 'double',
  choices: 'list<string>',
  ids: 'list<int32>',
  probabilities: 'list<double>',
} as const satisfies Columns;
type Row = RowOf<typeof columns>;

const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const text = fc.string({ unit: 'grapheme' });
const double = fc.double({ noNaN: true });
const row: fc.Arbitrary<Row> = fc.record({
  id: text,
  label: int32,
  score: double,
  choices: fc.array(text),
  ids: fc.array(int32),
  probabilities: fc.array(double),
});

async function groupsOf<C extends Columns>(path: string, wanted: C): Promise<RowOf<C>[][]> {
  const groups = [];
  for await (const group of readParquet(path, wanted)) groups.push(group);
  return groups;
}

describe('a Parquet file', () => {
  test('gives back what was written: every text, integer and double, and lists of them, empty ones too', async () => {
    const path = join(folder, 'any.parquet');
    await fc.assert(
      fc.asyncProperty(fc.array(row, { maxLength: 20 }), async (rows) => {
        await writeParquet(path, columns, rows);
        expect((await groupsOf(path, columns)).flat()).toEqual(rows);
      }),
      { numRuns: 50 },
    );
  });

  test('is read 2,000 rows at a time, and only the columns asked for', async () => {
    const path = join(folder, 'groups.parquet');
    const rows = Array.from({ length: 4500 }, (_, i) => ({ id: `${i}`, label: i }));
    await writeParquet(path, { id: 'string', label: 'int32' }, rows);
    const groups = await groupsOf(path, { label: 'int32' });
    expect(groups.map((group) => group.length)).toEqual([2000, 2000, 500]);
    expect(groups.flat()).toEqual(rows.map(({ label }) => ({ label })));
  });

  test('has the same bytes for the same rows, and says nothing of when and where it was written', async () => {
    const rows = fc.sample(row, { numRuns: 30, seed: 1 });
    await writeParquet(join(folder, 'one.parquet'), columns, rows);
    await writeParquet(join(folder, 'two.parquet'), columns, rows);
    expect(await readFile(join(folder, 'one.parquet'))).toEqual(await readFile(join(folder, 'two.parquet')));
  });

  test('replaces the old one whole, and leaves nothing beside it', async () => {
    const only = await mkdtemp(join(folder, 'replace-'));
    const path = join(only, 'x.parquet');
    await writeParquet(path, { id: 'string' }, [{ id: 'old' }]);
    await writeParquet(path, { id: 'string' }, [{ id: 'new' }]);
    await expect(
      writeParquet(join(only, 'no', 'x.parquet'), { id: 'string' }, [{ id: 'x' }]),
    ).rejects.toThrow('ENOENT');
    expect(await groupsOf(path, { id: 'string' })).toEqual([[{ id: 'new' }]]);
    expect(await readdir(only)).toEqual(['x.parquet']);
  });
});

describe('a mistake is said with its place', () => {
  test('a value that is not of its column', async () => {
    const path = join(folder, 'bad.parquet');
    await expect(writeParquet(path, { label: 'int32' }, [{ label: 1 }, { label: 1.5 }])).rejects.toThrow(
      `row 1 for ${path}: label is 1.5, not int32`,
    );
    const sparse = [{ probabilities: [1, undefined] }] as unknown as { probabilities: number[] }[];
    await expect(writeParquet(path, { probabilities: 'list<double>' }, sparse)).rejects.toThrow(
      'not list<double>',
    );
  });

  test('a column that is missing, or of another type', async () => {
    const path = join(folder, 'other.parquet');
    await writeParquet(path, { id: 'string', label: 'double' }, [{ id: 'a', label: 0.5 }]);
    await expect(groupsOf(path, { text: 'string' })).rejects.toThrow(
      `${path} has no column text; it has id, label`,
    );
    await expect(groupsOf(path, { label: 'int32' })).rejects.toThrow(
      `${path}, row 0: label is 0.5, not int32`,
    );
  });

  test('a file that ends early, or whose bytes were changed', async () => {
    const path = join(folder, 'damaged.parquet');
    const rows = Array.from({ length: 3000 }, (_, i) => ({ id: `text number ${i}` }));
    await writeParquet(path, { id: 'string' }, rows);
    const bytes = await readFile(path);
    const damages = {
      cut: bytes.subarray(0, bytes.length - 100),
      flipped: Buffer.concat([bytes.subarray(0, 500), Buffer.from([bytes[500]! ^ 1]), bytes.subarray(501)]),
    };
    for (const damaged of Object.values(damages)) {
      await writeFile(path, damaged);
      await expect(groupsOf(path, { id: 'string' })).rejects.toThrow(
        'not a Parquet file that can be read to its end',
      );
    }
  });
});
