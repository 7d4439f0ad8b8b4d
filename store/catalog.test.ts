import { readFileSync, rmSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { UserError } from '../base/errors.js';
import { inputFrom, publish, refTo, temporaryFolder } from '../test/store.js';
import { Store, type ArtifactRef } from './store.js';

const folder = temporaryFolder();
afterAll(folder.remove);

let store: Store;
let count = 0;
beforeEach(async () => {
  store = await Store.open(join(folder.path, `store-${count++}`), { create: true });
});

const folderOf = (ref: ArtifactRef): string => join(store.root, 'artifacts', ref.kind, ref.key);
const keyed = (start: string, kind = 'label'): ArtifactRef => ({ kind, key: start.padEnd(64, '0') });

describe('listing', () => {
  it('shows what is there by kind and key, with its size, and what is damaged, moving nothing', async () => {
    await publish(store, keyed('b'), { labels: 'four', more: 'three' });
    await publish(store, keyed('a'), { labels: 'x' });
    await publish(store, keyed('c', 'finetune'), { weights: 'w' });
    truncateSync(join(folderOf(keyed('a')), 'labels'), 0);
    const listed = await store.list();
    expect(listed.map(({ ref }) => ref)).toEqual([keyed('c', 'finetune'), keyed('a'), keyed('b')]);
    expect(listed[1]).toEqual({ ref: keyed('a'), damage: 'labels has 0 bytes instead of 1' });
    expect(listed[2]).toMatchObject({ bytes: 9, files: 2, worker: 'cpu:0' });
    expect(await store.list({ kind: 'finetune' })).toHaveLength(1);
    expect(await store.list()).toEqual(listed);
  });
});

describe('finding by a prefix', () => {
  beforeEach(async () => {
    await publish(store, keyed('ab1'), { labels: 'x' });
    await publish(store, keyed('ab2'), { labels: 'x' });
    await publish(store, keyed('ab2', 'refine'), { labels: 'x' });
  });

  it('takes the first digits of a key, or a kind and the first digits', async () => {
    expect(await store.resolve('ab1')).toEqual(keyed('ab1'));
    expect(await store.resolve(keyed('ab1').key)).toEqual(keyed('ab1'));
    expect(await store.resolve('refine/a')).toEqual(keyed('ab2', 'refine'));
    expect(await store.resolve('refine/')).toEqual(keyed('ab2', 'refine'));
  });

  it('names the candidates where there are several', async () => {
    const error: unknown = await store.resolve('ab2').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UserError);
    expect((error as Error).message).toMatch(
      /begins 2 keys[^]*label\/ab2[^]*label B with weak[^]*refine\/ab2/,
    );
  });

  it.each(['ff', 'score/ab', 'no key', ''])('says so where there is none: "%s"', async (prefix) => {
    await expect(store.resolve(prefix)).rejects.toThrow(UserError);
  });
});

describe('showing', () => {
  it('gives the manifest, the folder and the logs', async () => {
    const { manifest } = await publish(store, keyed('ab'), { labels: 'x' });
    store.log(keyed('ab'), 1).append('labelled');
    const shown = await store.show('ab');
    expect(shown).toEqual({
      ref: keyed('ab'),
      folder: folderOf(keyed('ab')),
      manifest,
      logs: await store.logs(keyed('ab')),
    });
    expect(shown.logs).toHaveLength(1);
  });

  it('says what is wrong with a damaged one', async () => {
    await publish(store, keyed('ab'), { labels: 'x' });
    rmSync(join(folderOf(keyed('ab')), 'manifest.json'));
    await expect(store.show('ab')).rejects.toThrow(/damaged: it has no manifest/);
  });
});

describe('verifying', () => {
  it('hashes every byte, sets aside what is damaged and names what is superseded', async () => {
    const weights = await publish(store, refTo('weights', 'finetune'), { w: 'one' });
    await publish(store, keyed('a'), { labels: 'abc' }, [inputFrom('model', weights.manifest)]);
    await publish(store, keyed('b'), { labels: 'abc' });
    expect(await store.verify()).toEqual({ checked: 3, bytes: 9, damaged: [], superseded: [] });

    rmSync(folderOf(refTo('weights', 'finetune')), { recursive: true });
    await publish(store, refTo('weights', 'finetune'), { w: 'two' });
    const path = join(folderOf(keyed('b')), 'labels');
    const { atime, mtime } = statSync(path);
    writeFileSync(path, 'abd');
    utimesSync(path, atime, mtime); // rot: only hashing finds it

    const fresh = await Store.open(store.root);
    expect(await fresh.verify([keyed('a')])).toMatchObject({
      checked: 1,
      damaged: [],
      superseded: [{ ref: keyed('a') }],
    });
    const all = await fresh.verify();
    expect(all).toMatchObject({ checked: 3, bytes: 6, damaged: [{ ref: keyed('b'), cause: 'damaged' }] });
    expect(readFileSync(join(all.damaged[0]?.movedTo ?? '', 'labels'), 'utf8')).toBe('abd');
    expect((await fresh.verify()).checked).toBe(2);
  });
});

describe('lineage', () => {
  it('is the tree of inputs, each told once, with what has changed or gone since', async () => {
    const items = await publish(store, refTo('items', 'shard'), { items: 'i' });
    const truth = await publish(store, refTo('truth', 'shard'), { truth: 't' });
    const weak = await publish(store, refTo('weak', 'finetune'), { w: '1' }, [
      inputFrom('items', items.manifest),
      inputFrom('truth', truth.manifest),
    ]);
    const labels = await publish(store, refTo('labels'), { l: '1' }, [
      inputFrom('model', weak.manifest),
      inputFrom('items', items.manifest),
    ]);
    const student = await publish(store, refTo('student', 'finetune'), { w: '2' }, [
      inputFrom('labels', labels.manifest),
      inputFrom('teacher', weak.manifest),
    ]);
    rmSync(folderOf(refTo('truth', 'shard')), { recursive: true });
    rmSync(folderOf(refTo('labels')), { recursive: true });
    const relabelled = await publish(store, refTo('labels'), { l: '2' }, [inputFrom('model', weak.manifest)]);

    const tree = await store.lineage(refTo('student', 'finetune').key.slice(0, 12));
    expect(tree).toMatchObject({ kind: 'finetune', digest: student.manifest.digest, state: 'present' });
    expect(tree).not.toHaveProperty('role');
    const [first, second] = tree.inputs;
    expect(first).toMatchObject({
      role: 'labels',
      state: 'changed',
      recorded: labels.manifest.digest,
      digest: relabelled.manifest.digest,
    });
    const [model] = first?.inputs ?? [];
    expect(model?.inputs.map(({ role, state }) => [role, state])).toEqual([
      ['items', 'present'],
      ['truth', 'missing'],
    ]);
    expect(second).toMatchObject({ role: 'teacher', repeated: true, inputs: [] });
  });
});
