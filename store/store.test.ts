import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EnvironmentError, UserError } from '../base/errors.js';
import { compileStore, publication, publish, refTo, runScript, temporaryFolder } from '../test/store.js';
import { Store } from './store.js';

const folder = temporaryFolder();
let compiled: string;
beforeAll(() => {
  compiled = compileStore(folder.path);
});
afterAll(folder.remove);

let count = 0;
const somewhere = (): string => join(folder.path, `somewhere-${count++}`);

describe('opening', () => {
  it('makes a store once, with an identity that stays', async () => {
    const root = join(somewhere(), 'deep', 'store');
    const store = await Store.open(root, { create: true });
    expect(store.root).toBe(root);
    expect(store.id).toMatch(/^[0-9a-f-]{36}$/);
    expect((await Store.open(root)).id).toBe(store.id);
    expect((await Store.open(root, { create: true })).id).toBe(store.id);
    expect((await Store.open(somewhere(), { create: true })).id).not.toBe(store.id);
  });

  it('by many at once gives all of them the same store', async () => {
    const root = somewhere();
    const stores = await Promise.all(Array.from({ length: 8 }, () => Store.open(root, { create: true })));
    expect(new Set(stores.map(({ id }) => id)).size).toBe(1);
  });

  it('without being asked to make it says that there is none, and makes nothing', async () => {
    const root = somewhere();
    await expect(Store.open(root)).rejects.toThrow(`there is no store in ${root}`);
    expect(existsSync(root)).toBe(false);
  });

  it.each<[string, RegExp, (root: string) => void]>([
    [
      'a folder with other things',
      /holds other things \(thesis\.tex/,
      (root) => {
        mkdirSync(root);
        writeFileSync(join(root, 'thesis.tex'), '');
      },
    ],
    ['a file', /a file is in the way/, (root) => writeFileSync(root, '')],
    [
      'a store of a newer Temper',
      /layout 99.*up to 1.*newer Temper/,
      (root) => {
        mkdirSync(root);
        writeFileSync(join(root, 'store.json'), '{"layout":99,"id":"x"}');
      },
    ],
    [
      'a store whose store.json is damaged',
      /store\.json is not a store's/,
      (root) => {
        mkdirSync(root);
        writeFileSync(join(root, 'store.json'), '{"layo');
      },
    ],
  ])('refuses %s', async (_what, message, make) => {
    const root = somewhere();
    make(root);
    const error: unknown = await Store.open(root, { create: true }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UserError);
    expect((error as Error).message).toMatch(message);
  });
});

/** In a script: gives up the right to write everywhere, which root has. */
const becomeNobody = `
  if (process.getuid() === 0) {
    process.setgroups([]);
    process.setgid(65534);
    process.setuid(65534);
  }`;

describe('a store that cannot be written', () => {
  it('is refused at once, with what to do, and can still be read', async () => {
    const root = somewhere();
    await publish(await Store.open(root, { create: true }), refTo('there'), { file: 'x' });
    chmodSync(folder.path, 0o755);
    const script = `
      import { Store } from './store/store.js';${becomeNobody}
      const [root, ref] = [process.argv[2], JSON.parse(process.argv[3])];
      const refused = await Store.open(root, { create: true }).catch((error) => error);
      const { published } = await (await Store.open(root)).probe([ref]);
      process.stdout.write(JSON.stringify({ name: refused.name, exitCode: refused.exitCode, message: refused.message, published }));`;
    chmodSync(join(root, 'drafts'), 0o555);
    const { output } = await runScript(compiled, script, [root, JSON.stringify(refTo('there'))]).ended;
    chmodSync(join(root, 'drafts'), 0o755);
    const answer = JSON.parse(output) as Record<string, unknown>;
    expect(answer).toMatchObject({ name: 'EnvironmentError', exitCode: 3, published: [refTo('there')] });
    expect(answer['message']).toMatch(/cannot write or read .*drafts.*another store \(--store\)/);
  });

  it('that cannot be made is refused with its path', async () => {
    const error: unknown = await Store.open('/proc/temper', { create: true }).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(EnvironmentError);
    expect((error as Error).message).toContain('/proc/temper');
  });

  it('reports damage that it cannot move away, and reads as a miss', async () => {
    const root = somewhere();
    const store = await Store.open(root, { create: true });
    await publish(store, refTo('there'), { file: 'xyz' });
    writeFileSync(join(root, 'artifacts', 'label', refTo('there').key, 'file'), 'x');
    chmodSync(folder.path, 0o755);
    const script = `
      import { Store } from './store/store.js';${becomeNobody}
      const store = await Store.open(process.argv[2]);
      process.stdout.write(JSON.stringify(await store.probe([JSON.parse(process.argv[3])])));`;
    chmodSync(join(root, 'damaged'), 0o555);
    const { output } = await runScript(compiled, script, [root, JSON.stringify(refTo('there'))]).ended;
    chmodSync(join(root, 'damaged'), 0o755);
    const reason = 'file has 1 bytes instead of 3';
    expect(JSON.parse(output)).toEqual({
      published: [],
      damaged: [{ ref: refTo('there'), cause: 'damaged', reason }],
    });
  });
});

describe('a full disk', () => {
  /** Files of at most 16 KiB can be written, which the system answers like a full disk. */
  const tight = (command: string[]): string[] => [
    'bash',
    '-c',
    'ulimit -f 16; exec "$@"',
    'bash',
    ...command,
  ];

  it('is a StoreFull that names the path; the draft is removed and what is published stays', async () => {
    const root = somewhere();
    await publish(await Store.open(root, { create: true }), refTo('there'), { file: 'x' });
    const script = `
      import { writeFile } from 'node:fs/promises';
      import { join } from 'node:path';
      import { isStoreFull, Store, withStoreErrors } from './store/store.js';
      const [root, ref, publication] = [process.argv[2], ...process.argv.slice(3).map((text) => JSON.parse(text))];
      const store = await Store.open(root, { create: true });
      const told = (error) => ({ full: isStoreFull(error), name: error.name, exitCode: error.exitCode, message: error.message });
      const answers = [];

      const first = await store.draft(ref); // its maker runs out of room
      await withStoreErrors(first.folder, () => writeFile(join(first.folder, 'weights'), Buffer.alloc(100_000)))
        .catch((error) => answers.push(told(error)));
      await first.discard();

      const second = await store.draft(ref); // the store does, while it writes the manifest
      await writeFile(join(second.folder, 'weights'), 'w');
      await second.publish({ ...publication, title: 't'.repeat(100_000) }).catch((error) => answers.push(told(error)));

      const checkpoints = store.checkpoints(ref, 'token');
      await checkpoints.save(1, (folder) => writeFile(join(folder, 'state'), 's'));
      await checkpoints.save(2, (folder) => writeFile(join(folder, 'state'), Buffer.alloc(100_000)))
        .catch((error) => answers.push(told(error)));
      process.stdout.write(JSON.stringify(answers));`;
    const args = [root, JSON.stringify(refTo('new')), JSON.stringify(publication())];
    const { output } = await runScript(compiled, script, args, tight).ended;
    const answers = JSON.parse(output) as { message: string }[];
    expect(answers).toHaveLength(3);
    for (const answer of answers) {
      expect(answer).toMatchObject({ full: true, name: 'StoreFull', exitCode: 3 });
      expect(answer.message).toContain(root);
      expect(answer.message).toContain('Free some space');
    }
    expect(readdirSync(join(root, 'drafts'))).toEqual([]);
    const store = await Store.open(root, { create: true });
    expect(await store.probe([refTo('there'), refTo('new')])).toEqual({
      published: [refTo('there')],
      damaged: [],
    });
    expect(await store.checkpoints(refTo('new'), 'token').latest()).toMatchObject({ step: 1 });
    expect((await publish(store, refTo('new'), { weights: 'w' })).won).toBe(true);
  });
});

it('of several processes that publish the same artifact one wins, and all hear of the same', async () => {
  const store = await Store.open(somewhere(), { create: true });
  const script = `
    import fs from 'node:fs';
    import { Store } from './store/store.js';
    const [root, refs, publication] = process.argv.slice(2, 5).map((text) => JSON.parse(text));
    const store = await Store.open(root, { create: true });
    const drafts = [];
    for (const ref of refs) {
      const draft = await store.draft(ref);
      fs.writeFileSync(draft.folder + '/labels', 'by ' + process.pid);
      drafts.push(draft);
    }
    process.stdout.write('ready ');
    while (!fs.existsSync(root + '/start')) await new Promise((resolve) => setTimeout(resolve, 1));
    const outcomes = [];
    for (const draft of drafts) {
      const { won, manifest } = await draft.publish(publication);
      outcomes.push({ won, digest: manifest.digest });
    }
    process.stdout.write(JSON.stringify(outcomes));`;
  const refs = Array.from({ length: 12 }, (_, i) => refTo(`stage ${i}`));
  const args = [store.root, refs, publication()].map((value) => JSON.stringify(value));
  const children = Array.from({ length: 4 }, () => runScript(compiled, script, args));
  for (const child of children) await child.printed('ready');
  writeFileSync(join(store.root, 'start'), '');
  const outcomes = await Promise.all(
    children.map(
      async ({ ended }) =>
        JSON.parse((await ended).output.replace('ready ', '')) as { won: boolean; digest: string }[],
    ),
  );
  for (const [i, ref] of refs.entries()) {
    const { manifest } = await store.read(ref);
    expect(outcomes.map((outcome) => outcome[i]?.digest)).toEqual(outcomes.map(() => manifest.digest));
    expect(outcomes.filter((outcome) => outcome[i]?.won)).toHaveLength(1);
  }
  expect(readdirSync(join(store.root, 'drafts'))).toEqual([]);
});

describe('logs', () => {
  it('keep every attempt apart, line by line, and outlive publication', async () => {
    const store = await Store.open(somewhere(), { create: true });
    const stage = refTo('finetune', 'finetune');
    expect(await store.logs(stage)).toEqual([]);
    const second = store.log(stage, 2);
    const tenth = store.log(stage, 10);
    second.append('step 1');
    second.append('step 2\n');
    tenth.append('again');
    store.log(stage, 2).append('after a restart');
    await publish(store, stage, { weights: 'w' });
    await store.sweep();
    expect(await store.logs(stage)).toEqual([second.path, tenth.path]);
    expect(readFileSync(second.path, 'utf8')).toBe('step 1\nstep 2\nafter a restart\n');
  });

  it('that cannot be written do not stop the stage, and say afterwards what is missing', async () => {
    const store = await Store.open(somewhere(), { create: true });
    const log = store.log(refTo('stage'), 1);
    rmSync(join(store.root, 'logs'), { recursive: true });
    writeFileSync(join(store.root, 'logs'), 'in the way');
    log.append('lost');
    log.append('lost too');
    rmSync(join(store.root, 'logs'));
    log.append('kept');
    expect(readFileSync(log.path, 'utf8')).toMatch(/^\(2 missing before this: .*\)\nkept\n$/);
  });
});
