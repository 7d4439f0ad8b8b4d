import { existsSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { publish, refTo, temporaryFolder } from '../test/store.js';
import { isLease, Store, thisProcess, type Checkpoints } from './store.js';

const folder = temporaryFolder();
afterAll(folder.remove);

let store: Store;
let count = 0;
beforeEach(async () => {
  store = await Store.open(join(folder.path, `store-${count++}`), { create: true });
});

const stage = refTo('finetune', 'finetune');
const below = (...path: string[]): string => join(store.root, 'checkpoints', stage.key, ...path);

async function save(checkpoints: Checkpoints, ...steps: number[]): Promise<void> {
  for (const step of steps)
    await checkpoints.save(step, (to) => writeFile(join(to, 'state'), `step ${step}`));
}

/** A holder of the lease, as which alone one may tidy up after others. */
async function holder(): Promise<{ token: string; release: () => Promise<void> }> {
  const lease = await store.lease(stage, thisProcess('cpu:0'));
  if (!isLease(lease)) throw new Error('held');
  return lease;
}

describe('checkpoints', () => {
  it('are none at first', async () => {
    expect(await store.checkpoints(stage, 'token').latest()).toBeUndefined();
  });

  it('give back the newest, by number and not by name', async () => {
    const checkpoints = store.checkpoints(stage, 'token');
    await save(checkpoints, 90, 100);
    const latest = await checkpoints.latest();
    expect(latest?.step).toBe(100);
    expect(readFileSync(join(latest?.folder ?? '', 'state'), 'utf8')).toBe('step 100');
  });

  it('are kept two at a time', async () => {
    await save(store.checkpoints(stage, 'token'), 1, 2, 3, 4);
    expect(readdirSync(below('token')).sort()).toEqual(['3', '4']);
  });

  it('of a predecessor serve the successor, which tidies up after it', async () => {
    const first = await holder();
    await save(store.checkpoints(stage, first.token), 10, 20);
    await first.release();
    const second = await holder();
    const checkpoints = store.checkpoints(stage, second.token);
    expect(await checkpoints.latest()).toMatchObject({ step: 20 });
    mkdirSync(below(first.token, '.25-half'));
    await save(checkpoints, 30);
    expect(readdirSync(below(first.token))).toEqual(['20']);
    await save(checkpoints, 40);
    expect(readdirSync(below(first.token))).toEqual([]);
    expect(readdirSync(below(second.token)).sort()).toEqual(['30', '40']);
  });

  it('of others are left alone by who does not hold the lease', async () => {
    const rightful = await holder();
    await save(store.checkpoints(stage, rightful.token), 10, 20);
    mkdirSync(below(rightful.token, '.30-being-written'));
    await save(store.checkpoints(stage, 'zombie'), 30, 40, 50);
    expect(readdirSync(below(rightful.token)).sort()).toEqual(['.30-being-written', '10', '20']);
    expect(readdirSync(below('zombie')).sort()).toEqual(['40', '50']);
  });

  it('that are damaged are set aside and reported, and the older one serves', async () => {
    const checkpoints = store.checkpoints(stage, 'token');
    await save(checkpoints, 10, 20);
    writeFileSync(below('token', '20', 'state'), 'step 21');
    expect(await checkpoints.latest()).toMatchObject({ step: 10 });
    expect(checkpoints.damaged).toMatchObject([
      { ref: stage, reason: expect.stringContaining('step 20: state has other bytes') },
    ]);
    expect(existsSync(join(checkpoints.damaged[0]?.movedTo ?? '', 'reason.txt'))).toBe(true);
    expect(readdirSync(below('token'))).toEqual(['10']);

    truncateSync(below('token', '10', 'checkpoint.json'), 5);
    expect(await checkpoints.latest()).toBeUndefined();
    expect(checkpoints.damaged).toHaveLength(2);
  });

  it('of a step that is reached again replace the old ones', async () => {
    const checkpoints = store.checkpoints(stage, 'token');
    await save(checkpoints, 10);
    await checkpoints.save(10, (to) => writeFile(join(to, 'state'), 'again'));
    expect(readFileSync(join((await checkpoints.latest())?.folder ?? '', 'state'), 'utf8')).toBe('again');
    expect(readdirSync(below('token'))).toEqual(['10']);
  });

  it('whose writing fails leave the older ones as they were', async () => {
    const checkpoints = store.checkpoints(stage, 'token');
    await save(checkpoints, 10);
    const failing = checkpoints.save(20, async (to) => {
      await writeFile(join(to, 'state'), 'half');
      throw new Error('the executor died');
    });
    await expect(failing).rejects.toThrow('the executor died');
    expect(readdirSync(below('token'))).toEqual(['10']);
    expect(await checkpoints.latest()).toMatchObject({ step: 10 });
  });

  it('have a count of steps', async () => {
    await expect(save(store.checkpoints(stage, 'token'), 1.5)).rejects.toThrow(RangeError);
  });

  it('are dropped at publication or, where a crash came between, by sweeping', async () => {
    await save(store.checkpoints(stage, 'token'), 10);
    await publish(store, stage, { weights: 'w' });
    expect(await store.sweep()).toMatchObject({ checkpoints: 1 });
    expect(existsSync(below())).toBe(false);

    await save(store.checkpoints(stage, 'token'), 10);
    await store.dropCheckpoints(stage);
    await store.dropCheckpoints(stage);
    expect(existsSync(below())).toBe(false);
    expect(readdirSync(join(store.root, 'checkpoints'))).toEqual([]);
  });

  it('of a published stage are spared while someone holds its lease', async () => {
    const { token } = await holder();
    await save(store.checkpoints(stage, token), 10);
    await publish(store, stage, { weights: 'w' });
    expect(await store.sweep()).toMatchObject({ checkpoints: 0 });
  });
});
