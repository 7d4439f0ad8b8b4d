/** @file The examples run as their first lines say, on a tiny model. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { entryPoint } from '../base/folders.js';
import { unpackFixture } from '../models/huggingface/testing/fixtures.js';

const run = promisify(execFile);
let folder: string;
let model: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'temper-examples-'));
  model = await unpackFixture('llama-tied', 'optimum', join(folder, 'model'));
});
afterAll(() => rm(folder, { recursive: true }));

it('finetune', async () => {
  const data = join(folder, 'rows.jsonl');
  const rows = ['cat', 'hen', 'ant', 'eel'].map((name) => ({
    prompt: `${name} is`,
    completion: ' an animal',
  }));
  await writeFile(data, rows.map((row) => JSON.stringify(row)).join('\n'));
  const { stdout } = await run(process.execPath, [
    entryPoint('examples/finetune'),
    model,
    data,
    join(folder, 'out'),
  ]);
  const [, before, after] = /^10 steps on \d+ parameters: ln p (\S+) → (\S+)\n$/.exec(stdout) ?? [];
  expect(Number(after)).toBeGreaterThan(Number(before));
});

it('generate', async () => {
  const { stdout } = await run(process.execPath, [
    entryPoint('examples/generate'),
    model,
    'the end?',
    'an hour?',
  ]);
  expect(stdout).toMatch(/^the end\?\n {2}.*\n\nan hour\?\n {2}.+/s);
});
