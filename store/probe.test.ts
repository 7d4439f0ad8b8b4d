import { cp, readFile, rename, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { inputFrom, publication, publish, refTo, temporaryFolder } from '../test/store.js';
import { ArtifactDamaged, ArtifactMissing, Store, type ArtifactRef } from './store.js';

const folder = temporaryFolder();
afterAll(folder.remove);

let store: Store;
let count = 0;
beforeEach(async () => {
  store = await Store.open(join(folder.path, `store-${count++}`), { create: true });
});

const labels = refTo('labels');
const files = { 'labels.jsonl': '{"p":0.25}\n', 'deep/notes.txt': 'hello' };

/** Where a file of an artifact lies, without asking the store to verify it. */
const fileOf = (ref: ArtifactRef, file: string): string =>
  join(store.root, 'artifacts', ref.kind, ref.key, file);

/** Changes a file's bytes, and neither its size nor its time. */
async function rot(path: string): Promise<void> {
  const { atime, mtime } = await stat(path);
  const bytes = await readFile(path);
  bytes[0] = (bytes[0] ?? 0) ^ 1;
  await writeFile(path, bytes);
  await utimes(path, atime, mtime);
}

describe('reading', () => {
  it('gives the files and the manifest of what was published', async () => {
    const { manifest, won } = await publish(store, labels, files);
    expect(won).toBe(true);
    const artifact = await store.read(labels);
    expect(artifact.manifest).toEqual(manifest);
    expect(manifest.files.map(({ path }) => path)).toEqual(['deep/notes.txt', 'labels.jsonl']);
    expect(await readFile(artifact.path('labels.jsonl'), 'utf8')).toBe('{"p":0.25}\n');
    expect(() => artifact.path('weights.safetensors')).toThrow(
      /no file "weights.safetensors"; it has deep\/notes.txt, labels.jsonl/,
    );
  });

  it('says what is not there', async () => {
    await expect(store.read(refTo('nothing'))).rejects.toThrow(ArtifactMissing);
  });

  it('notices rot that keeps size and time, sets the artifact aside and names it', async () => {
    await publish(store, labels, files);
    await rot(fileOf(labels, 'labels.jsonl'));
    const error = await store.read(labels).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ArtifactDamaged);
    const { setAside } = error as ArtifactDamaged;
    expect(setAside).toMatchObject({
      ref: labels,
      cause: 'damaged',
      reason: 'labels.jsonl has other bytes than were published',
    });
    expect(await readFile(join(setAside.movedTo ?? '', 'reason.txt'), 'utf8')).toContain('other bytes');
    expect(existsSync(join(setAside.movedTo ?? '', 'deep/notes.txt'))).toBe(true);
    expect((await publish(store, labels, files)).won).toBe(true);
  });

  it('refuses addresses that would leave the store', async () => {
    await expect(store.read({ kind: '../secrets', key: labels.key })).rejects.toThrow(/no stage kind/);
    await expect(store.draft({ kind: 'label', key: '../../etc' })).rejects.toThrow(/no stage key/);
  });
});

describe('the content digest', () => {
  it('depends on names and bytes, and on nothing else', async () => {
    const first = await publish(store, refTo('a'), files);
    const second = await publish(store, refTo('b', 'refine'), files);
    const other = await publish(store, refTo('c'), { ...files, 'deep/notes.txt': 'hallo' });
    const renamed = await publish(store, refTo('d'), {
      'labels.jsonl': files['labels.jsonl'],
      'notes.txt': 'hello',
    });
    expect(second.manifest.digest).toBe(first.manifest.digest);
    expect(other.manifest.digest).not.toBe(first.manifest.digest);
    expect(renamed.manifest.digest).not.toBe(first.manifest.digest);
  });
});

describe('probing', () => {
  it('says which of many are there, in the order asked for, each once', async () => {
    const refs = ['a', 'b', 'c'].map((name) => refTo(name));
    for (const ref of refs.slice(0, 2)) await publish(store, ref, files);
    const asked = [refs[1], refs[2], refs[0], refs[1]] as ArtifactRef[];
    expect(await store.probe(asked)).toEqual({ published: [refs[1], refs[0]], damaged: [] });
  });

  const damages: [string, string, (ref: ArtifactRef) => Promise<void>][] = [
    [
      'truncated',
      'labels.jsonl has 3 bytes instead of 11',
      (ref) => truncate(fileOf(ref, 'labels.jsonl'), 3),
    ],
    [
      'edited in place',
      'labels.jsonl has other bytes',
      (ref) => writeFile(fileOf(ref, 'labels.jsonl'), '{"p":0.75}\n'),
    ],
    ['deleted', 'labels.jsonl is missing', (ref) => rm(fileOf(ref, 'labels.jsonl'))],
    [
      'no longer a file',
      'not a file',
      async (ref) => {
        await rm(fileOf(ref, 'labels.jsonl'));
        await cp(fileOf(ref, 'deep'), fileOf(ref, 'labels.jsonl'), { recursive: true });
      },
    ],
    ['without its manifest', 'it has no manifest', (ref) => rm(fileOf(ref, 'manifest.json'))],
    [
      'with half a manifest',
      'its manifest is not JSON',
      (ref) => truncate(fileOf(ref, 'manifest.json'), 100),
    ],
    [
      'with an edited manifest',
      'the seal does not fit',
      async (ref) => {
        const text = await readFile(fileOf(ref, 'manifest.json'), 'utf8');
        await writeFile(fileOf(ref, 'manifest.json'), text.replace('"attempt": 1', '"attempt": 7'));
      },
    ],
    [
      'under another key',
      'its manifest is that of label/',
      async (ref) => {
        await publish(store, refTo('elsewhere'), files);
        await rm(fileOf(ref, ''), { recursive: true });
        await rename(fileOf(refTo('elsewhere'), ''), fileOf(ref, ''));
      },
    ],
  ];
  it.each(damages)('sets aside what was %s, and loses no other result', async (_what, reason, damage) => {
    const sound = refTo('sound');
    await publish(store, sound, files);
    await publish(store, labels, files);
    await new Promise((resolve) => setTimeout(resolve, 3)); // so that an edit has another time than the original
    await damage(labels);
    const { published, damaged } = await store.probe([labels, sound]);
    expect(published).toEqual([sound]);
    expect(damaged).toEqual([
      { ref: labels, cause: 'damaged', reason: expect.stringContaining(reason), movedTo: expect.any(String) },
    ]);
    expect(await store.probe([labels, sound])).toEqual({ published: [sound], damaged: [] });
  });

  it('takes a copied store, whose times differ, for what it is, and does not hash it again', async () => {
    await publish(store, labels, files);
    const copy = join(folder.path, 'copy');
    await cp(store.root, copy, { recursive: true });
    for (const file of Object.keys(files))
      await utimes(join(copy, 'artifacts', 'label', labels.key, file), 1, 1);
    const copied = await Store.open(copy);
    expect(copied.id).toBe(store.id);
    expect(await copied.probe([labels])).toEqual({ published: [labels], damaged: [] });
    // Its times are the recorded ones again: now only the time would betray rot, and a later process trusts it.
    await rot(join(copy, 'artifacts', 'label', labels.key, 'labels.jsonl'));
    expect((await (await Store.open(copy)).probe([labels])).published).toEqual([labels]);
    await expect((await Store.open(copy)).read(labels)).rejects.toThrow(ArtifactDamaged);
  });
});

describe('an input that was remade', () => {
  const weights = refTo('weights', 'finetune');

  it('with the same bytes leaves its users hits', async () => {
    const made = await publish(store, weights, { w: 'one' });
    await publish(store, labels, files, [inputFrom('model', made.manifest)]);
    await rm(fileOf(weights, ''), { recursive: true });
    expect((await store.probe([labels])).published).toEqual([labels]);
    await publish(store, weights, { w: 'one' });
    expect((await store.probe([labels, weights])).published).toEqual([labels, weights]);
  });

  it('with other bytes makes its users misses, which are set aside and can be made again', async () => {
    const made = await publish(store, weights, { w: 'one' });
    await publish(store, labels, files, [inputFrom('model', made.manifest)]);
    await rm(fileOf(weights, ''), { recursive: true });
    const remade = await publish(store, weights, { w: 'two' });
    const { published, damaged } = await store.probe([labels, weights]);
    expect(published).toEqual([weights]);
    expect(damaged).toMatchObject([
      { ref: labels, cause: 'superseded', reason: expect.stringContaining('its input "model"') },
    ]);
    expect((await publish(store, labels, files, [inputFrom('model', remade.manifest)])).won).toBe(true);
    expect((await store.probe([labels, weights])).published).toEqual([labels, weights]);
  });

  it('and is damaged now, decides nothing about its users', async () => {
    const made = await publish(store, weights, { w: 'one' });
    await publish(store, labels, files, [inputFrom('model', made.manifest)]);
    await truncate(fileOf(weights, 'w'), 0);
    const { published, damaged } = await store.probe([labels, weights]);
    expect(published).toEqual([labels]);
    expect(damaged.map(({ ref }) => ref)).toEqual([weights]);
  });
});

describe('publishing', () => {
  it('lets the first win, and drops the second', async () => {
    const first = await publish(store, labels, files);
    const second = await publish(store, labels, { ...files, 'labels.jsonl': 'other' });
    expect(second).toEqual({ manifest: first.manifest, won: false });
    expect(await readFile((await store.read(labels)).path('labels.jsonl'), 'utf8')).toBe(
      files['labels.jsonl'],
    );
    expect(await store.sweep()).toMatchObject({ drafts: 0 });
  });

  it('replaces a winner that is damaged', async () => {
    await publish(store, labels, files);
    await truncate(fileOf(labels, 'labels.jsonl'), 1);
    expect((await publish(store, labels, files)).won).toBe(true);
    expect((await store.probe([labels])).published).toEqual([labels]);
  });

  it('refuses an empty draft and a file of its own name, and leaves no draft behind', async () => {
    const empty = await store.draft(labels);
    await expect(empty.publish(publication())).rejects.toThrow(/nothing was written/);
    const taken = await store.draft(labels);
    await writeFile(join(taken.folder, 'manifest.json'), '{}');
    await expect(taken.publish(publication())).rejects.toThrow(/the store's own file/);
    expect(existsSync(empty.folder) || existsSync(taken.folder)).toBe(false);
  });

  it('forgets a discarded draft', async () => {
    const draft = await store.draft(labels);
    await writeFile(join(draft.folder, 'x'), 'y');
    await draft.discard();
    await draft.discard();
    expect(existsSync(draft.folder)).toBe(false);
    expect(await store.probe([labels])).toEqual({ published: [], damaged: [] });
  });
});
