/** @file A small quickstart, end to end on a real server, undisturbed and under kills, damage, and people. */
import { existsSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { killIfThere, System, waitFor, type Ran, type Role } from '../bench/system.js';
import type { JsonObject } from '../base/json.js';
import { Store } from '../store/store.js';
import { processesWith } from '../worker/processes.js';
import { tinyModels, tinySweep } from './sweeps.js';

/** The tiny sweep with a pretraining that is long enough to be killed in. */
const sweep = {
  ...tinySweep,
  name: 'small',
  tasks: { dialects: { ...tinySweep.tasks.dialects, dialect: [0, 1] } },
  models: {
    weak: tinyModels.weak,
    strong: { ...tinyModels.strong, pretrain: { steps: 1500, batch: 8, warmup: 2 } },
  },
} satisfies JsonObject;

async function newSystem(
  content: JsonObject = sweep,
): Promise<{ system: System; cwd: string; file: string }> {
  const cwd = await realpath(mkdtempSync(join(tmpdir(), 'temper-e2e-')));
  const file = join(cwd, 'sweep.yaml');
  writeFileSync(file, stringify(content));
  return { system: new System({ folder: join(cwd, '.temper'), cwd }), cwd, file };
}

async function remove({ system, cwd }: { system: System; cwd: string }): Promise<void> {
  await system.end();
  rmSync(cwd, { recursive: true });
}

describe('a sweep', () => {
  let here: Awaited<ReturnType<typeof newSystem>>;
  let first: Ran;
  let findings: string;

  beforeAll(async () => {
    here = await newSystem();
    first = await here.system.run('run', here.file);
    if (first.code !== 0) throw new Error(first.stderr);
    findings = await here.system.findings('small');
  });
  afterAll(() => remove(here));

  it('ends with exit code 0, a table of every method and control, a report, and the address of the UI', () => {
    for (const row of [
      'weak supervisor',
      'naive',
      'confidence',
      'icl-refinement',
      'zero-shot',
      'zero-examples',
      'random-labels',
      'ceiling-on-a',
      'ceiling',
    ])
      expect(first.stdout).toMatch(new RegExp(`^ *${row} .*\\d\\.\\d+ \\[.*\\]`, 'm'));
    const report = /^report: (.*)$/m.exec(first.stderr)?.[1];
    expect(existsSync(report!)).toBe(true);
    expect(first.stderr).toMatch(/^Temporal UI: http:\/\/127\.0\.0\.1:\d+\/.*sweep%2Fsmall$/m);
  });

  it('computes nothing when it is run again', async () => {
    const again = await here.system.run('run', here.file);
    expect(again.stderr).toMatch(/^all \d+ stages cached$/m);
    expect({ code: again.code, stdout: again.stdout }).toEqual({ code: 0, stdout: first.stdout });
    expect(await here.system.findings('small')).toBe(findings);
  });

  it('makes a truncated artifact again, sets it aside, says so, and ends with 0 and the same findings', async () => {
    const store = await Store.open(join(here.system.folder, 'store'));
    const [damaged] = await store.list({ kind: 'pretrain' });
    const file = join((await store.show(damaged!.ref.key)).folder, 'model.safetensors');
    truncateSync(file, 100);

    const again = await here.system.run('run', here.file);
    expect(again.stderr).toMatch(
      new RegExp(`warning: .*pretrain ${damaged!.ref.key.slice(0, 12)} set aside`),
    );
    expect(again.stderr).toMatch(/^1 stage computed, \d+ were cached$/m);
    expect(again.code).toBe(0);
    expect(await here.system.findings('small')).toBe(findings);
    expect((await here.system.run('store', 'verify')).code).toBe(0);
  });

  it('finds the same, byte for byte, in another store and with its processes killed', async () => {
    const there = await newSystem();
    try {
      const run = there.system.start('run', there.file);
      for (const role of ['executor', 'compute worker', 'server'] as const) {
        const worker = await there.system.training('pretrain strong');
        await kill(there.system, role, worker.pid);
      }
      const ran = await run.ended;
      expect(ran.code, ran.stderr).toBe(0);
      expect(await there.system.findings('small')).toBe(findings);
    } finally {
      await remove(there);
    }
  });
});

/** Kills the process of that role; the compute worker is the one that trains. */
async function kill(system: System, role: Role, trainer: number): Promise<void> {
  const found = (await system.processes()).find(
    (each) => each.role === role && (role !== 'compute worker' || each.pid === trainer),
  );
  killIfThere(found!.pid);
}

describe('people', () => {
  let here: Awaited<ReturnType<typeof newSystem>>;
  const endless = {
    ...sweep,
    name: 'long',
    models: {
      ...sweep.models,
      strong: { ...sweep.models.strong, pretrain: { steps: 1_000_000, batch: 8, warmup: 2 } },
    },
  };

  beforeEach(async () => {
    here = await newSystem(endless);
  });
  afterEach(() => remove(here));

  it('start a sweep twice, try another plan under its name, detach, cancel, and end everything', async () => {
    const { system, file } = here;
    const first = system.start('run', file);
    const second = system.start('run', file);
    const attached = 'long runs already: attached to it';
    await Promise.race(
      [first.printed(attached), second.printed(attached)].map((each) => each.catch(() => sleepForever())),
    );
    await system.training('pretrain strong');

    const other = await system.run('run', file, '--set', 'finetune.steps=6');
    expect(other.code).toBe(2);
    expect(other.stderr).toMatch(/long is running with another plan .*temper cancel long/);

    first.kill('SIGINT');
    const detached = await first.ended;
    expect({ code: detached.code, signal: detached.signal }).toEqual({ code: 0, signal: null });
    expect(detached.stderr).toMatch(/detached: long goes on\. Come back with: temper run .*sweep\.yaml/);
    expect(await statusOf(system)).toBe('running');

    const cancelled = await system.run('cancel', 'long');
    expect(cancelled.stdout).toContain('long: cancelled');
    expect((await system.states()).filter(({ stage }) => stage !== undefined)).toEqual([]);
    const watcher = await second.ended;
    expect({ code: watcher.code, said: watcher.stderr.includes('long was cancelled') }).toEqual({
      code: 2,
      said: true,
    });
    expect((await system.run('store', 'verify')).code).toBe(0);

    const down = await system.run('down');
    expect({ code: down.code, stderr: down.stderr }).toEqual({ code: 0, stderr: 'all ended\n' });
    expect(await processesWith(system.folder)).toEqual([]);
  });

  it('stop in the middle of a training and go on where it was', async () => {
    const { system, file } = here;
    const watching = system.start('run', file);
    const { progress, stage } = await system.training('pretrain strong');
    expect((await system.run('down')).code).toBe(0);
    const { code, stderr } = await watching.ended;
    expect(stderr).toMatch(/the local server was ended \(temper down\), and long waits\. Come back with: /);
    expect(code).toBe(3);
    expect(await processesWith(system.folder)).toEqual([]);

    await system.run('up');
    const resumed = await waitFor('the same training', async () =>
      (await system.states()).find(
        (worker) => worker.stage?.key === stage!.key && worker.progress !== undefined,
      ),
    );
    expect(resumed.progress!.step).toBeGreaterThan(progress!.step);
    expect((await system.run('cancel', 'long')).stdout).toContain('cancelled');
  });
});

async function statusOf(system: System): Promise<string> {
  const { stdout } = await system.run('status', 'long', '--json');
  return (JSON.parse(stdout) as { status: string }).status;
}

const sleepForever = (): Promise<void> => new Promise(() => undefined);
