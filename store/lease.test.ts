import { mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { compileStore, crashScript, refTo, runScript, temporaryFolder } from '../test/store.js';
import { isLease, LeaseLost, ownerOf, Store, thisProcess, type Lease, type Owner } from './store.js';

const folder = temporaryFolder();
let compiled: string;
beforeAll(() => {
  compiled = compileStore(folder.path);
});
afterAll(folder.remove);

let store: Store;
let count = 0;
beforeEach(async () => {
  store = await Store.open(join(folder.path, `store-${count++}`), { create: true });
});

const stage = refTo('finetune strong', 'finetune');
const me = thisProcess('cpu:0');

async function taken(owner: Owner, seconds?: number): Promise<Lease> {
  const lease = await store.lease(stage, owner, { seconds });
  if (!isLease(lease)) throw new Error(`held by ${lease.heldBy.label}`);
  return lease;
}

describe('a lease', () => {
  it('is held by one, who is named to the others, until it is released', async () => {
    const lease = await taken(me);
    expect(await store.lease(stage, thisProcess('cpu:1'))).toEqual({
      heldBy: me,
      expiresAt: lease.expiresAt,
    });
    await lease.release();
    await lease.release();
    const next = await taken(thisProcess('cpu:1'));
    expect(next.token).not.toBe(lease.token);
    await expect(lease.renew()).rejects.toThrow(/was released/);
  });

  it('is for one stage', async () => {
    await taken(me);
    expect(isLease(await store.lease(refTo('another'), me))).toBe(true);
  });

  it('lasts longer with every renewal, also when several are asked for at once', async () => {
    const lease = await taken(me, 0);
    const before = lease.expiresAt;
    await new Promise((resolve) => setTimeout(resolve, 2));
    await Promise.all([lease.renew(), lease.renew(), lease.renew()]);
    expect(lease.expiresAt).toBeGreaterThan(before);
    expect(readdirSync(join(store.root, 'leases', stage.key)).sort()).toEqual(['3', '4']);
  });

  it('that has expired goes to the next, and its old holder learns it at the next renewal', async () => {
    const old = await taken(me, 0);
    const next = await taken(thisProcess('cpu:1'));
    await expect(old.renew()).rejects.toThrow(LeaseLost);
    await old.release();
    expect(isLease(await store.lease(stage, me))).toBe(false);
    await next.renew();
  });

  it('that was passed on many times since is not won back by its first holder', async () => {
    const old = await taken(me, 0);
    for (let i = 0; i < 3; i++) await (await taken(thisProcess('cpu:1'))).release();
    const records = readdirSync(join(store.root, 'leases', stage.key));
    expect(records).not.toContain('2'); // so that the number after the old holder's own is free again
    await expect(old.renew()).rejects.toThrow(LeaseLost);
    expect(readdirSync(join(store.root, 'leases', stage.key))).toEqual(records);
  });

  it('that has expired and nobody took is renewed like any other', async () => {
    const lease = await taken(me, 0);
    await lease.renew();
  });

  it('of a dead process of this host is free at once, and that of a living one, or of another host, is not', async () => {
    const child = runScript(compiled, `process.stdout.write('up'); setInterval(() => {}, 1000);`, []);
    await child.printed('up');
    const living = ownerOf(child.pid, 'cpu:1');
    await taken(living, 600);
    expect(isLease(await store.lease(stage, me))).toBe(false);
    child.kill();
    await child.ended;
    const lease = await taken({ ...living, host: 'another-host' }, 600);
    expect(isLease(await store.lease(stage, me))).toBe(false);
    await lease.release();
  });

  it('does not pass for held because another process has the number of its dead owner', async () => {
    await taken({ ...me, processStarted: 'boot-0' }, 600);
    await taken(me);
  });

  it('whose record was cut short by a power cut is free', async () => {
    mkdirSync(join(store.root, 'leases', stage.key), { recursive: true });
    writeFileSync(join(store.root, 'leases', stage.key, '3'), '');
    await taken(me);
  });

  it('leaves its records for a day after it has ended, and no longer', async () => {
    await (await taken(me, 0)).release();
    expect(await store.sweep()).toMatchObject({ leases: 0 });
    const records = join(store.root, 'leases', stage.key);
    const record = { token: 't', owner: me, expiresAt: 1, released: true };
    writeFileSync(join(records, '9'), JSON.stringify(record));
    utimesSync(records, 1, 1);
    expect(await store.sweep()).toMatchObject({ leases: 1 });
    await taken(me);
  });
});

describe('among processes', () => {
  /** Runs the same script in several processes, which start their work together, and gives what each printed. */
  async function race(script: string, racers: number): Promise<string[]> {
    const start = join(store.root, 'start');
    const whole = `
      import fs from 'node:fs';
      import { Store, thisProcess } from './store/store.js';
      const [root, start, stages, racer] = process.argv.slice(2).map((text) => JSON.parse(text));
      const store = await Store.open(root);
      process.stdout.write('ready ');
      while (!fs.existsSync(start)) await new Promise((resolve) => setTimeout(resolve, 1));
      ${script}`;
    const children = Array.from({ length: racers }, (_, racer) =>
      runScript(
        compiled,
        whole,
        [store.root, start, stages, racer].map((value) => JSON.stringify(value)),
      ),
    );
    for (const child of children) await child.printed('ready');
    writeFileSync(start, '');
    return Promise.all(
      children.map(async ({ ended }) => {
        const { code, output } = await ended;
        expect(code, output).toBe(0);
        return output.replace('ready ', '');
      }),
    );
  }

  const stages = Array.from({ length: 30 }, (_, i) => refTo(`stage ${i}`));
  const takeAll = `
    let won = 0;
    for (const stage of stages) if ('token' in (await store.lease(stage, thisProcess('racer'), { seconds: 600 }))) won++;
    process.stdout.write(String(won));
    // Stay until all are through: the leases of a winner that has ended are free again.
    fs.writeFileSync(root + '/done-' + racer, '');
    while (fs.readdirSync(root).filter((name) => name.startsWith('done-')).length < 3)
      await new Promise((resolve) => setTimeout(resolve, 5));`;

  it('an expired lease goes to exactly one of those who want it', async () => {
    for (const each of stages) await store.lease(each, me, { seconds: 0 });
    const won = (await race(takeAll, 3)).map(Number);
    expect(won.reduce((sum, each) => sum + each)).toBe(stages.length);
  });

  it('the lease of a dead process goes to exactly one of those who want it', async () => {
    const dead = { ...me, processStarted: 'boot-0' };
    for (const each of stages) await store.lease(each, dead, { seconds: 600 });
    const won = (await race(takeAll, 3)).map(Number);
    expect(won.reduce((sum, each) => sum + each)).toBe(stages.length);
  });

  it('two never hold it at once, however often it changes hands', async () => {
    const alone = `
      let times = 0;
      while (times < 40) {
        const lease = await store.lease(stages[0], thisProcess('racer'), { seconds: 600 });
        if (!('token' in lease)) continue;
        fs.writeFileSync(root + '/inside', String(racer), { flag: 'wx' }); // fails where another is inside
        await lease.renew();
        fs.unlinkSync(root + '/inside');
        await lease.release();
        times++;
      }
      process.stdout.write(String(times));`;
    expect(await race(alone, 3)).toEqual(['40', '40', '40']);
  });

  it('a taker killed before any one of its calls leaves a lease that the next takes at once', async () => {
    const script = `${crashScript}
      const [root, stage, dead] = process.argv.slice(2).map((text) => JSON.parse(text));
      const { Store, thisProcess } = await import('./store/store.js');
      const store = await Store.open(root);
      await crashEverywhere(async (number) => {
        const each = { ...stage, key: number.toString(16).padStart(64, '0') };
        if (!('token' in (await store.lease(each, dead, { seconds: 600 })))) throw new Error('not taken');
        const lease = await store.lease(each, thisProcess('taker'), { seconds: 600 });
        await lease.renew();
      });`;
    const args = [store.root, stage, { ...me, processStarted: 'boot-0' }].map((value) =>
      JSON.stringify(value),
    );
    const { output } = await runScript(compiled, script, args).ended;
    const calls = Number(/calls (\d+)/.exec(output)?.[1]);
    expect(calls, output).toBeGreaterThan(15);
    for (let call = 0; call < calls; call++) {
      const each = { ...stage, key: call.toString(16).padStart(64, '0') };
      expect(isLease(await store.lease(each, me)), `after ${call} calls`).toBe(true);
      expect(isLease(await store.lease(each, me)), `after ${call} calls`).toBe(false);
    }
  });
});
