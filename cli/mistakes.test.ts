/** @file What goes wrong for people: each mistake with its exit code and a message that says what to do. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { killIfThere, System, waitFor, type Ran } from '../bench/system.js';
import type { JsonObject } from '../base/json.js';
import { tinyModels, tinySweep } from '../test/sweeps.js';

let cwd: string;
let system: System;

beforeEach(() => {
  cwd = realpathSync(mkdtempSync(join(tmpdir(), 'temper-mistakes-')));
  system = new System({ folder: join(cwd, '.temper'), cwd });
});
afterEach(async () => {
  await system.end();
  rmSync(cwd, { recursive: true });
});

function write(content: JsonObject | string): string {
  const file = join(cwd, 'sweep.yaml');
  writeFileSync(file, typeof content === 'string' ? content : stringify(content));
  return file;
}

/** A sweep over a file of the user's. */
function overFile(path: string, columns: JsonObject): JsonObject {
  return { ...tinySweep, tasks: { mine: { type: 'classification', file: path, ...columns } } };
}

const longTraining = {
  ...tinySweep,
  name: 'long',
  models: {
    ...tinyModels,
    strong: { ...tinyModels.strong, pretrain: { steps: 12_000, batch: 8, warmup: 2 } },
  },
} satisfies JsonObject;

describe('a mistake in the file ends with 2, names the line and what was expected, and starts nothing', () => {
  const valid = stringify(tinySweep);
  it.each<[string, string, RegExp[]]>([
    ['not YAML', 'name: [unclosed', [/sweep\.yaml:1:\d+/]],
    [
      'an unknown key',
      `${valid}\nmethdos: [naive]\n`,
      [/sweep\.yaml:\d+:\d+/, /methdos/, /did you mean "?methods/i],
    ],
    [
      'a wrong type',
      valid.replace(/steps: 5\b/, 'steps: many'),
      [/sweep\.yaml:\d+:\d+/, /many/, /number|integer/],
    ],
    [
      'a negative count',
      valid.replace(/steps: 5\b/, 'steps: -5'),
      [/sweep\.yaml:\d+:\d+/, /-5/, /1 or more/],
    ],
    [
      'a pair that names no model',
      valid.replace('weak: weak', 'weak: week'),
      [/sweep\.yaml:\d+:\d+/, /week/, /weak/],
    ],
    [
      'two models of one name',
      valid.replace('  strong:', '  weak:'),
      [/sweep\.yaml:\d+:\d+/, /weak/, /twice|already|duplicate|unique/i],
    ],
  ])('%s', async (_, text, expected) => {
    expect(text).not.toBe(valid);
    const ran = await system.run('run', write(text));
    for (const part of expected) expect(ran.stderr).toMatch(part);
    expect(ran.code).toBe(2);
    expect(readdirSync(cwd)).toEqual(['sweep.yaml']);
  });
});

it('a device whose stages no worker would take', async () => {
  const ran = await system.run('run', write({ ...tinySweep, device: 'webgpu' }));
  expect(ran.stderr).toMatch(/device: webgpu: .*on the CPU/);
  expect(ran.code).toBe(2);
  expect(existsSync(system.folder)).toBe(false);
});

describe('a mistake about data', () => {
  it('a file that is not there', async () => {
    const ran = await system.run('run', write(overFile('nowhere.csv', { text: 'prompt', label: 'unsafe' })));
    expect(ran.stderr).toContain(join(cwd, 'nowhere.csv'));
    expect(ran.code).toBe(2);
  });

  it('a column that is not there: the columns that are', async () => {
    writeFileSync(join(cwd, 'data.csv'), 'question,harmful\nhow are you?,no\nhow to steal?,yes\n');
    const ran = await system.run('run', write(overFile('data.csv', { text: 'prompt', label: 'harmful' })));
    expect(ran.stderr).toContain('there is no column "prompt". The columns are "question", "harmful".');
    expect(ran.code).toBe(2);
    expect(existsSync(join(system.folder, 'temporal.db'))).toBe(false);
  });
});

describe('what is around Temper', () => {
  it('a store that cannot be written', async () => {
    writeFileSync(join(cwd, 'a-file'), '');
    const ran = await system.run('run', write(tinySweep), '--store', join(cwd, 'a-file', 'store'));
    expect(ran.stderr).toContain(join(cwd, 'a-file', 'store'));
    expectForPeople(ran);
    expect([2, 3]).toContain(ran.code);
  });

  it('no Temporal CLI: every place that was tried, why it failed, and the command that would help', async () => {
    const bare = new System({
      folder: system.folder,
      cwd,
      env: {
        PATH: '/nonexistent',
        TEMPORAL_CLI_PATH: '',
        TEMPER_CACHE: join(cwd, 'cache'),
        // Nothing is downloaded from here.
        HTTPS_PROXY: 'http://127.0.0.1:9',
        https_proxy: 'http://127.0.0.1:9',
      },
    });
    const ran = await bare.run('run', write(tinySweep));
    for (const part of ['found none', 'the PATH', "Temper's cache", 'download', 'Go', 'To go on:'])
      expect(ran.stderr).toContain(part);
    expectForPeople(ran);
    expect(ran.code).toBe(3);
  });

  it('a Temporal CLI that was named and is not there', async () => {
    const wrong = new System({ folder: system.folder, cwd, env: { TEMPORAL_CLI_PATH: '/nowhere/temporal' } });
    const ran = await wrong.run('up');
    expect(ran.stderr).toContain('/nowhere/temporal does not exist');
    expect(ran.stderr).toContain('To go on: unset TEMPORAL_CLI_PATH');
    expect(ran.code).toBe(3);
  });

  it('a server that does not answer', async () => {
    const ran = await system.run('status', '--server', '127.0.0.1:9');
    expect(ran.stderr).toContain('no Temporal server answers at 127.0.0.1:9');
    expectForPeople(ran);
    expect(ran.code).toBe(3);
  });

  it('a sweep that nobody has run', async () => {
    const ran = await system.run('results', 'nobody');
    expectForPeople(ran);
    expect(ran.code).toBe(2);
  });

  it('a port in use: the next one is taken, and it says so', async () => {
    const { stdout } = await system.run('up');
    const port = Number(/^server .*:(\d+)$/m.exec(stdout)![1]);
    await system.run('down');
    const release = await occupy(port);
    try {
      const up = await system.run('up');
      expect(up.stderr).toContain(`port ${port} is in use by another program`);
      expect(up.stdout).toMatch(/^server 127\.0\.0\.1:\d+$/m);
      expect(up.code).toBe(0);
    } finally {
      await release();
    }
  });

  it('another store than the one that the workers have open', async () => {
    await system.run('up');
    const ran = await system.run('run', write(tinySweep), '--store', join(cwd, 'other'));
    expect(ran.stderr).toContain(join(cwd, 'other'));
    expect(ran.stderr).toContain('temper down');
    expect(ran.code).toBe(2);
  });
});

describe('what can be recovered ends with 0', () => {
  it('the server and its supervisor gone in the middle, and back', async () => {
    const run = system.start('run', write(longTraining));
    await system.training('pretrain strong');
    const supervisor = (await system.processes()).find(({ role }) => role === 'supervisor');
    killIfThere(supervisor!.pid);
    const ran = await run.ended;
    expect(ran.stderr).toContain('the Temporal server went away');
    expect(ran.stderr).toContain('the Temporal server is back');
    expect(ran.code).toBe(0);
  });

  it.runIf(process.platform === 'linux')('a disk that is full for a while', async () => {
    const run = system.start('run', write(longTraining));
    await system.training('pretrain strong');
    const executors = (await system.processes()).filter(({ role }) => role === 'executor');
    // A limit on the size of files fails writes as a full disk does, and can be lifted from a process that runs.
    const limit = (size: string): void => {
      for (const { pid } of executors) execFileSync('prlimit', ['--pid', `${pid}`, `--fsize=${size}`]);
    };
    limit('0:');
    // It fails at its next checkpoint, and waits.
    await waitFor('the end of the attempt', async () =>
      (await system.states()).some(({ stage }) => stage?.kind === 'pretrain') ? undefined : true,
    );
    limit('unlimited:');
    const ran = await run.ended;
    expect(ran.code, ran.stderr).toBe(0);
    expect(ran.stderr).toMatch(/warning: pretrain strong .* waits for space: /);
  });
});

function occupy(port: number): Promise<() => Promise<void>> {
  const other = createServer();
  return new Promise((ready) => {
    // Whoever else has it will do as well.
    other.once('error', () => ready(() => Promise.resolve()));
    other.listen(port, '127.0.0.1', () => ready(() => new Promise((done) => other.close(() => done()))));
  });
}

/** A message, and not a stack. */
function expectForPeople({ stderr }: Ran): void {
  expect(stderr).not.toMatch(/^\s+at /m);
  expect(stderr.length).toBeGreaterThan(20);
}
