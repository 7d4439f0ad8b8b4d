import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EnvironmentError, UserError } from '../base/errors.js';
import { startHub, type FakeHub, type FakeRepository } from '../hub/testing/hub-server.js';
import { classification, classificationParameters } from './classification.js';
import { chooseFiles, fetchSource, type FetchOptions } from './hub.js';
import { readHubManifest } from './hub-manifest.js';
import { writeParquet } from './parquet.js';

const commit = '0123456789abcdef0123456789abcdef01234567';

let hub: FakeHub;
let folder: string;
let options: FetchOptions;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'temper-datasets-hub-'));
  const parquet = async (from: number, to: number) => {
    const path = join(folder, 'rows.parquet');
    const rows = Array.from({ length: to - from }, (_, i) => ({
      text: `text ${from + i}`,
      label: (from + i) % 2,
    }));
    await writeParquet(path, { text: 'string', label: 'int32' }, rows);
    return readFile(path);
  };
  const repositories: Record<string, FakeRepository> = {
    'owner/data': {
      commit,
      files: {
        'README.md': '# data',
        'main/train-00000-of-00002.parquet': await parquet(0, 20),
        'main/train-00001-of-00002.parquet': await parquet(20, 30),
        'main/test-00000-of-00001.parquet': await parquet(30, 40),
        'main/train.jsonl': '{"text":"not this one","label":0}\n',
      },
    },
    'owner/packed': {
      commit,
      branch: 'refs/convert/parquet',
      files: {
        'train.jsonl.gz': gzipSync('{"text":"x","label":1}\n'),
        'other/train.jsonl.gz': gzipSync('{}\n'),
      },
    },
  };
  hub = await startHub(repositories);
  options = {
    endpoint: hub.endpoint,
    cache: join(folder, 'cache'),
    manifests: join(folder, 'manifests'),
    offline: false,
    patience: { tries: 2, waitMs: 1 },
  };
});
afterEach(async () => {
  await hub.close();
  await rm(folder, { recursive: true });
});

const asked = (given: object) =>
  classificationParameters.parse({ hub: 'owner/data', 'test-split': 'test', ...given });

describe('data on the hub', () => {
  test('is downloaded, and named by files that say commit and hashes and nothing of this machine', async () => {
    const found = (await fetchSource(asked({}), options))!;
    expect(Object.keys(found.files)).toEqual(['file', 'test-file']);
    expect(found.parameters).not.toHaveProperty('hub');
    const manifest = await readFile(found.files['file']!, 'utf8');
    expect(manifest).not.toContain(folder);
    expect(JSON.parse(manifest)).toMatchObject({
      dataset: 'owner/data',
      commit,
      files: [{ path: 'main/train-00000-of-00002.parquet' }, { path: 'main/train-00001-of-00002.parquet' }],
    });
    const parts = await readHubManifest(found.files['file']!, options);
    expect(parts.map((path) => path.slice(options.cache!.length))).toEqual([
      `/datasets--owner--data/snapshots/${commit}/main/train-00000-of-00002.parquet`,
      `/datasets--owner--data/snapshots/${commit}/main/train-00001-of-00002.parquet`,
    ]);
  });

  test('is a task like a file: all parts of train are drawn from, and test is used whole', async () => {
    const { parameters } = (await fetchSource(asked({}), options))!;
    process.env['HF_HUB_CACHE'] = options.cache;
    try {
      const { items, report } = await classification.examples(classification.resolve(parameters), 0);
      expect(report.counts).toMatchObject({ rows: 40, test: 10, A: 11, B: 15, validation: 4 });
      const tested = items.test.map(({ text }) => Number(text.slice('text '.length)));
      expect(Math.min(...tested)).toBe(30);
    } finally {
      delete process.env['HF_HUB_CACHE'];
    }
  });

  test('is not downloaded twice, goes on where it broke off, and is there without the hub', async () => {
    hub.misbehave('train-00000', { kind: 'break', afterBytes: 100 });
    const first = await fetchSource(asked({}), options);
    const resolved = () => hub.asked.filter(({ path }) => path.includes('/resolve/')).length;
    const before = resolved();
    expect(hub.asked.some(({ range }) => range === 'bytes=100-')).toBe(true);
    expect(await fetchSource(asked({}), options)).toEqual(first);
    expect(resolved()).toBe(before);
    expect(await fetchSource(asked({}), { ...options, offline: true })).toEqual(first);
    const never = fetchSource(asked({ revision: 'other' }), { ...options, offline: true });
    await expect(never).rejects.toThrow(EnvironmentError);
  });

  test('may stand in a branch of another name', async () => {
    const parameters = classificationParameters.parse({
      hub: 'owner/packed',
      revision: 'refs/convert/parquet',
      config: 'other',
    });
    const found = (await fetchSource(parameters, options))!;
    expect(found.files['file']).toMatch(/owner--packed-other-train-0123456789ab\.hub\.json$/);
  });

  test.each<[object, string]>([
    [{ hub: 'owner/none' }, 'owner/none is not on'],
    [{ revision: 'v2' }, 'owner/data has no revision "v2"'],
    [
      { config: 'small' },
      'owner/data@main has no folder "small"; it holds main/train-00000-of-00002.parquet',
    ],
    [{ split: 'dev' }, 'owner/data@main has no file of split "dev"; it holds main/'],
    [{ hub: 'data' }, 'data@main is no name on the hub, which would read owner/name'],
  ])('%j is refused', async (given, message) => {
    await expect(fetchSource(asked(given), options)).rejects.toThrow(UserError);
    await expect(fetchSource(asked(given), options)).rejects.toThrow(message);
  });
});

describe('the files of a split', () => {
  const choose = (paths: string[], split: string, config?: string) =>
    chooseFiles(paths, { split, config, where: 'o/d@main' });

  test.each<[string[], string, string | undefined, string[]]>([
    [
      ['plain_text/train/0000.parquet', 'plain_text/test/0000.parquet'],
      'train',
      undefined,
      ['plain_text/train/0000.parquet'],
    ],
    [['a/train_r2/0000.parquet', 'a/train_r1/0000.parquet'], 'train_r2', 'a', ['a/train_r2/0000.parquet']],
    [
      ['harmless-base/train.jsonl.gz', 'helpful-base/train.jsonl.gz'],
      'train',
      'harmless-base',
      ['harmless-base/train.jsonl.gz'],
    ],
    [['data/dev.csv', 'data/train.csv'], 'validation', undefined, ['data/dev.csv']],
    [['prompts.jsonl', 'README.md'], 'train', undefined, ['prompts.jsonl']],
  ])('of %j, %s of %s is %j', (paths, split, config, expected) => {
    expect(choose(paths, split, config)).toEqual(expected);
  });

  test('are asked for where it is not clear which are meant', () => {
    expect(() => choose(['a/train.csv', 'b/train.csv'], 'train')).toThrow('say which by config: a | b');
    expect(() => choose(['script.py'], 'train')).toThrow('revision: refs/convert/parquet');
  });
});
