import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../base/random.js';
import {
  compileStore,
  crashScript,
  publication,
  publish,
  refTo,
  runScript,
  temporaryFolder,
} from '../test/store.js';
import { isLease, Store, thisProcess } from './store.js';

const folder = temporaryFolder();
let compiled: string;
beforeAll(() => {
  compiled = compileStore(folder.path);
});
afterAll(folder.remove);

const first = refTo('first');
const second = refTo('second', 'refine');

/** One stage from its lease to its publication, then one that reads it. */
const stages = `${crashScript}
import { join } from 'node:path';
const [folder, first, second, publication] = process.argv.slice(2).map((text) => JSON.parse(text));
const { Store, thisProcess } = await import('./store/store.js');
await crashEverywhere(async (number) => {
  const store = await Store.open(join(folder, String(number)), { create: true });
  const lease = await store.lease(first, thisProcess('child'));
  const checkpoints = store.checkpoints(first, lease.token);
  for (const step of [10, 20, 30])
    await checkpoints.save(step, (folder) => fs.promises.writeFile(join(folder, 'state'), 'step ' + step));
  await lease.renew();
  const draft = await store.draft(first);
  await fs.promises.mkdir(join(draft.folder, 'deep'));
  await fs.promises.writeFile(join(draft.folder, 'deep', 'weights'), 'w'.repeat(1000));
  const { manifest } = await draft.publish(publication);
  await store.dropCheckpoints(first);
  await lease.release();
  const next = await store.draft(second);
  await fs.promises.writeFile(join(next.folder, 'labels'), 'l'.repeat(1000));
  await next.publish({ ...publication, inputs: [{ role: 'model', kind: manifest.kind, key: manifest.key, digest: manifest.digest }] });
});
`;

describe('a writer killed', () => {
  it('before any one of its calls to the file system leaves a readable store, on which the next goes on', async () => {
    const roots = join(folder.path, 'everywhere');
    const args = [roots, first, second, publication()].map((value) => JSON.stringify(value));
    const { signal, output } = await runScript(compiled, stages, args).ended;
    expect(signal, output).toBe('SIGKILL');
    const calls = Number(/calls (\d+)/.exec(output)?.[1]);
    expect(calls, output).toBeGreaterThan(100);

    let [published, resumable] = [0, 0];
    for (let call = 0; call < calls; call++) {
      const root = join(roots, String(call));
      const store = await Store.open(root, { create: true });
      expect(readdirSync(join(root, 'drafts')), `drafts after ${call} calls`).toEqual([]);
      expect(await store.verify(), `after ${call} calls`).toMatchObject({ damaged: [], superseded: [] });
      const there = (await store.probe([first, second])).published.map(({ key }) => key);
      expect([[], [first.key], [first.key, second.key]]).toContainEqual(there);

      const lease = await store.lease(first, thisProcess('successor'));
      if (!isLease(lease)) throw new Error(`after ${call} calls the dead child still holds the lease`);
      const checkpoints = store.checkpoints(first, lease.token);
      const latest = await checkpoints.latest();
      expect(checkpoints.damaged).toEqual([]);
      if (latest !== undefined) {
        expect(await readFile(join(latest.folder, 'state'), 'utf8')).toBe(`step ${latest.step}`);
        resumable++;
      }
      await checkpoints.save(40, async () => {});
      expect(await checkpoints.latest()).toMatchObject({ step: 40 });

      for (const ref of [first, second])
        expect((await publish(store, ref, { again: '' })).won, `after ${call} calls`).toBe(
          !there.includes(ref.key),
        );
      published += there.length;
    }
    expect(published).toBeGreaterThan(20);
    expect(resumable).toBeGreaterThan(20);
  }, 180_000);

  it('at random moments, among others that write, damages nothing', async () => {
    const root = join(folder.path, 'random');
    const writer = `
      import { randomBytes } from 'node:crypto';
      import { writeFile } from 'node:fs/promises';
      import { join } from 'node:path';
      import { Store, thisProcess } from './store/store.js';
      const [root, publication] = [process.argv[2], JSON.parse(process.argv[3])];
      const store = await Store.open(root, { create: true });
      let writing = false;
      for (let count = 0; ; count++) {
        const ref = { kind: 'label', key: count.toString(16).padStart(64, '0') };
        const lease = await store.lease(ref, thisProcess('writer'));
        if (!('token' in lease)) continue;
        const { published, damaged } = await store.probe([ref]);
        if (damaged.length > 0) throw new Error(JSON.stringify(damaged));
        if (published.length > 0) {
          await lease.release();
          continue;
        }
        const checkpoints = store.checkpoints(ref, lease.token);
        await checkpoints.latest();
        if (checkpoints.damaged.length > 0) throw new Error(JSON.stringify(checkpoints.damaged));
        const write = (folder) => writeFile(join(folder, 'state'), randomBytes(300_000));
        for (const step of [1, 2, 3]) await checkpoints.save(step, write);
        const draft = await store.draft(ref);
        for (const name of ['a', 'b', 'c']) await writeFile(join(draft.folder, name), randomBytes(200_000));
        await draft.publish(publication);
        await store.dropCheckpoints(ref);
        await lease.release();
        if (!writing) process.stdout.write('writing');
        writing = true;
      }`;
    const random = Random.of(1, 'kill');
    const killOne = async (): Promise<void> => {
      const child = runScript(compiled, writer, [root, JSON.stringify(publication())]);
      await child.printed('writing');
      await new Promise((resolve) => setTimeout(resolve, random.integer(200)));
      child.kill();
      expect(await child.ended).toMatchObject({ signal: 'SIGKILL', output: 'writing' });
    };
    const killSome = async (): Promise<void> => {
      for (let kill = 0; kill < 6; kill++) await killOne();
    };
    await Promise.all([killSome(), killSome()]);

    const store = await Store.open(root, { create: true });
    const verified = await store.verify();
    expect(verified.checked).toBeGreaterThan(0);
    expect(verified.damaged).toEqual([]);
    expect(readdirSync(join(root, 'drafts'))).toEqual([]);
    expect(readdirSync(join(root, 'damaged'))).toEqual([]);
  }, 180_000);
});

it('sweeping spares the drafts of the living', async () => {
  const root = join(folder.path, 'living');
  const store = await Store.open(root, { create: true });
  const mine = await store.draft(first);
  const child = runScript(
    compiled,
    `import { Store } from './store/store.js';
     const store = await Store.open(process.argv[2]);
     await store.draft(JSON.parse(process.argv[3]));
     process.stdout.write('drafting');
     setInterval(() => {}, 1000);`,
    [root, JSON.stringify(first)],
  );
  await child.printed('drafting');
  expect(await store.sweep()).toMatchObject({ drafts: 0 });
  expect(readdirSync(join(root, 'drafts'))).toHaveLength(2);
  child.kill();
  await child.ended;
  expect(await store.sweep()).toMatchObject({ drafts: 1 });
  expect(readdirSync(join(root, 'drafts'))).toEqual([mine.folder.split('/').at(-1)]);
});
