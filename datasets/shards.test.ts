import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  readCorpus,
  readItems,
  readLabels,
  readTruth,
  shardRange,
  writeCorpus,
  writeItems,
  writeLabels,
  writeTruth,
} from './shards.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'temper-shards-'));
});
afterEach(() => rm(folder, { recursive: true }));

const items = Array.from({ length: 10 }, (_, i) => ({
  id: `i${i}`,
  text: `text ${i}`,
  choices: ['no', 'yes'],
}));
const truth = items.map(({ id }, i) => ({ id, label: i % 2 }));
const labels = items.map(({ id }, i) => ({ id, label: i % 2, probabilities: [1 - i / 10, i / 10] }));

test('shards are contiguous, cover everything, and differ by at most one', () => {
  fc.assert(
    fc.property(fc.nat(1000), fc.integer({ min: 1, max: 40 }), (total, of) => {
      const ranges = Array.from({ length: of }, (_, shard) => shardRange(total, shard, of));
      expect(ranges[0]?.start).toBe(0);
      expect(ranges.at(-1)?.end).toBe(total);
      ranges.slice(1).forEach(({ start }, i) => expect(start).toBe(ranges[i]?.end));
      const sizes = ranges.map(({ start, end }) => end - start);
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
    }),
  );
  expect(() => shardRange(10, 4, 4)).toThrow('there is no shard 4 of 4');
});

describe('what is written is read', () => {
  test('whole and in order, or one shard of it', async () => {
    expect(await writeItems(folder, 'B', items, { of: 4 })).toEqual([
      'B-00000-of-00004.parquet',
      'B-00001-of-00004.parquet',
      'B-00002-of-00004.parquet',
      'B-00003-of-00004.parquet',
    ]);
    expect(await readItems(folder, 'B')).toEqual(items);
    const { start, end } = shardRange(10, 2, 4);
    expect(await readItems(folder, 'B', { shard: 2 })).toEqual(items.slice(start, end));
  });

  test('truth, a corpus, and an empty split', async () => {
    expect(await writeTruth(folder, 'test', truth)).toEqual(['test-00000-of-00001.parquet']);
    expect(await readTruth(folder, 'test')).toEqual(truth);
    await writeCorpus(folder, ['one\ntwo', '', 'three'], { of: 2 });
    expect(await readCorpus(folder)).toEqual(['one\ntwo', '', 'three']);
    await writeItems(folder, 'validation', []);
    expect(await readItems(folder, 'validation')).toEqual([]);
  });

  test('labels made shard by shard, each in a folder of its own', async () => {
    const folders = await Promise.all(
      [0, 1, 2].map(async (shard) => {
        const own = join(folder, `${shard}`);
        await mkdir(own);
        const { start, end } = shardRange(labels.length, shard, 3);
        await writeLabels(own, 'B', labels.slice(start, end), { shard, of: 3 });
        return own;
      }),
    );
    expect(await readLabels(folders, 'B')).toEqual(labels);
    expect(await readLabels(folders, 'B', { shard: 1 })).toEqual(labels.slice(3, 6));
    await expect(readLabels(folders.slice(0, 2), 'B')).rejects.toThrow('ENOENT');
  });
});

describe('what is missing is never left out in silence', () => {
  test('a shard', async () => {
    await writeItems(folder, 'B', items, { of: 4 });
    await rm(join(folder, 'B-00002-of-00004.parquet'));
    await expect(readItems(folder, 'B')).rejects.toThrow('B-00002-of-00004.parquet');
    await expect(readItems(folder, 'B', { shard: 4 })).rejects.toThrow('there is no shard 4 of 4');
  });

  test('a split, or one cut in two ways', async () => {
    await writeItems(folder, 'A', items);
    await expect(readItems(folder, 'B')).rejects.toThrow(`${folder} has no B-00000-of-….parquet`);
    await writeItems(folder, 'A', items, { of: 2 });
    await expect(readItems(folder, 'A')).rejects.toThrow('different cuts: of 1, of 2');
  });
});
