import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { inputFrom, publish, refTo, temporaryFolder } from '../test/store.js';
import { Store, type ArtifactRef } from '../store/store.js';
import { registerLineage } from './lineage.js';
import { registerStore } from './store.js';

const folder = temporaryFolder();
let store: Store;
const weights = refTo('weights', 'finetune');
const labels = refTo('labels');
const folderOf = (ref: ArtifactRef): string => join(store.root, 'artifacts', ref.kind, ref.key);

beforeAll(async () => {
  store = await Store.open(join(folder.path, 'store'), { create: true });
  const made = await publish(store, weights, { 'weights.safetensors': 'w'.repeat(1500) });
  await publish(store, labels, { 'labels.parquet': 'l' }, [inputFrom('model', made.manifest)]);
});
afterAll(folder.remove);
afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

/** What a command prints on standard output. */
async function printed(...args: string[]): Promise<string> {
  const program = new Command('temper').exitOverride();
  const openStore = (): Promise<Store> => Store.open(store.root);
  registerStore(program, openStore);
  registerLineage(program, openStore);
  let text = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((data) => {
    text += String(data);
    return true;
  });
  await program.parseAsync(args, { from: 'user' });
  vi.restoreAllMocks();
  return text;
}

it('store ls lists the artifacts with their sizes', async () => {
  const lines = (await printed('store', 'ls')).split('\n');
  expect(lines[0]).toMatch(/^key +kind +title +size +files +made$/);
  expect(lines[1]).toMatch(
    new RegExp(`^${weights.key.slice(0, 12)}  finetune  label B .*  1\\.5 kB +1  2026-01-01 00:00$`),
  );
  expect(lines[3]).toBe('2 artifacts, 1.5 kB');
  expect(await printed('store', 'ls', '--kind', 'score')).toBe('no artifacts\n');
  expect(JSON.parse(await printed('store', 'ls', '--kind', 'label', '--json'))).toMatchObject([
    { ...labels, bytes: 1, files: 1 },
  ]);
});

it('store show tells where an artifact comes from and what is in it', async () => {
  store.log(labels, 1).append('hello');
  const text = await printed('store', 'show', labels.key.slice(0, 8));
  expect(text).toContain(labels.key);
  expect(text).toMatch(/made +2026-01-01T00:00:01.000Z in 1\.0 s by cpu:0, attempt 1/);
  expect(text).toMatch(new RegExp(`model +finetune +${weights.key.slice(0, 12)}`));
  expect(text).toMatch(/labels\.parquet +1 B/);
  expect(text).toContain('attempt-1.log');
  expect(JSON.parse(await printed('store', 'show', labels.key, '--json'))).toMatchObject({
    ref: labels,
    folder: folderOf(labels),
  });
});

it('lineage draws the tree of inputs, and says what is no longer there', async () => {
  const short = (ref: ArtifactRef): string => `${ref.kind}/${ref.key.slice(0, 12)}`;
  const [first, second] = (await printed('lineage', labels.key)).split('\n');
  expect(first).toContain(`[${short(labels)}, digest `);
  expect(second).toMatch(/^└─ model: label B with weak/);
  expect(second).toContain(`[${short(weights)}, digest `);
  const tree: unknown = JSON.parse(await printed('lineage', labels.key, '--json'));
  expect(tree).toMatchObject({ ...labels, inputs: [{ role: 'model', ...weights, state: 'present' }] });
});

it('store verify exits with 0 while all is sound, and with 1 where something is damaged, which it names', async () => {
  expect(await printed('store', 'verify')).toBe('2 artifacts checked, 1.5 kB sound\nnothing damaged\n');
  expect(process.exitCode).toBeUndefined();

  writeFileSync(join(folderOf(weights), 'weights.safetensors'), 'v'.repeat(1500));
  expect(await printed('store', 'verify', labels.key)).toContain('nothing damaged');
  expect(await printed('store', 'verify')).toMatch(
    /damaged: finetune\/[0-9a-f]{12}: weights\.safetensors has other bytes than were published; set aside in \/.*made again/s,
  );
  expect(process.exitCode).toBe(1);
  expect(await printed('lineage', labels.key)).toContain('(unknown)');

  process.exitCode = undefined;
  rmSync(folderOf(labels), { recursive: true });
  expect(JSON.parse(await printed('store', 'verify', '--json'))).toEqual({
    checked: 0,
    bytes: 0,
    damaged: [],
    superseded: [],
  });
});
