/** @file Sweep files on disk, and the files that they name. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { safety, vocabulary } from '../test/vocabulary.js';
import { loadSweepFile } from './load.js';
import { SweepFileError } from './mistakes.js';
import type { LoadedSweep } from './sweep.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'temper-spec-'));
  await mkdir(join(folder, 'sweeps', 'data'), { recursive: true });
});
afterEach(() => rm(folder, { recursive: true }));

const load = (path: string, ...sets: string[]): Promise<LoadedSweep> =>
  loadSweepFile(path, { vocabulary, sets, cwd: folder });

async function mistakesOf(path: string, ...sets: string[]): Promise<string[]> {
  const error: unknown = await load(path, ...sets).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof SweepFileError)) throw new Error(`expected mistakes, got ${String(error)}`);
  return error.mistakes.map(({ path, message, suggestion }) =>
    `${path}: ${message}${suggestion ? ` → ${suggestion}` : ''}`.replaceAll(folder, '/tmp/x'),
  );
}

test('a sweep whose data is there', async () => {
  await writeFile(join(folder, 'sweeps/safety.yaml'), safety);
  await writeFile(join(folder, 'sweeps/data/safety.csv'), 'prompt,is_safe\n');
  const sweep = await load('sweeps/safety.yaml');
  expect(sweep.tasks[0]?.files).toEqual({ file: join(folder, 'sweeps/data/safety.csv') });
  expect(sweep.where['tasks.safety.label']).toBe('sweeps/safety.yaml:8:12');
});

test('data that is missing is named with its whole path, and with a file that it may be', async () => {
  await writeFile(join(folder, 'sweeps/safety.yaml'), safety);
  await writeFile(join(folder, 'sweeps/data/safety-v2.csv'), '');
  expect(await mistakesOf('sweeps/safety.yaml')).toEqual([
    "tasks.safety.file: there is no file /tmp/x/sweeps/data/safety.csv (relative paths start from the sweep file's folder, /tmp/x/sweeps). → data/safety-v2.csv",
  ]);
});

test('data named in a --set starts from the current folder', async () => {
  await writeFile(join(folder, 'sweeps/safety.yaml'), safety);
  expect(await mistakesOf('sweeps/safety.yaml', 'tasks.safety.file=gone/x.csv')).toEqual([
    'tasks.safety.file: there is no file /tmp/x/gone/x.csv (relative paths start from the current folder, /tmp/x).',
  ]);
  expect(await mistakesOf('sweeps/safety.yaml', 'tasks.safety.file=~/x.csv')).toEqual([
    'tasks.safety.file: there is no file /tmp/x/~/x.csv (relative paths start from the current folder, /tmp/x). "~" is not expanded: write the whole path.',
  ]);
});

test('data that is a folder', async () => {
  await writeFile(join(folder, 'sweeps/safety.yaml'), safety.replace('data/safety.csv', 'data'));
  expect(await mistakesOf('sweeps/safety.yaml')).toEqual([
    'tasks.safety.file: /tmp/x/sweeps/data is a folder; expected a data file.',
  ]);
});

test('missing data is told together with the other mistakes of the file', async () => {
  await writeFile(join(folder, 'sweeps/safety.yaml'), safety.replace('layers: 1', 'layers: 0'));
  expect(await mistakesOf('sweeps/safety.yaml')).toHaveLength(2);
});

test('a sweep file that is not there', async () => {
  await writeFile(join(folder, 'sweeps/safety.yaml'), safety);
  expect(await mistakesOf('sweeps/safty.yaml')).toEqual([
    ': there is no file /tmp/x/sweeps/safty.yaml. → sweeps/safety.yaml',
  ]);
});

test('a folder instead of a sweep file', async () => {
  expect(await mistakesOf('sweeps')).toEqual([': /tmp/x/sweeps is a folder; name a sweep file in it.']);
});

test('a sweep file that is not UTF-8', async () => {
  await writeFile(join(folder, 'x.yaml'), Buffer.from('\ufeffname: x', 'utf16le'));
  expect(await mistakesOf('x.yaml')).toEqual([
    ': a sweep is a UTF-8 text file, and it is UTF-16; save it as UTF-8.',
  ]);
  await writeFile(join(folder, 'x.yaml'), Buffer.from([0x6e, 0xe9, 0x3a]));
  expect(await mistakesOf('x.yaml')).toEqual([
    ': a sweep is a UTF-8 text file, and its bytes are not UTF-8; save it as UTF-8.',
  ]);
});
