/** @file `npm run chaos`: a sweep undisturbed, then with its processes killed at random moments; the same findings? */
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { packageRoot } from '../base/folders.js';
import { Random } from '../base/random.js';
import { columns } from '../cli/format.js';
import { vocabulary } from '../plan/vocabulary.js';
import { loadSweepFile } from '../spec/index.js';
import type { WorkerState } from '../worker/worker-options.js';
import { isTraining, RepeatedSteps } from './repeated-steps.js';
import { killIfThere, System, type Role, type Running } from './system.js';

const usage = `usage: npm run chaos -- [--sweep FILE] [--set path=value]… [--kills N] [--seed N]
  --sweep  what is run twice (default: the quickstart with one seed and four dialects)
  --kills  how often each kind of process is killed (default 4)
  --seed   of the moments and the order (default 0)`;

type Victim = Role | 'command line';
const victims: readonly Victim[] = [
  'executor',
  'compute worker',
  'orchestrator',
  'supervisor',
  'server',
  'command line',
];

const { values } = parseArgs({
  options: {
    sweep: { type: 'string' },
    set: { type: 'string', multiple: true },
    kills: { type: 'string', default: '4' },
    seed: { type: 'string', default: '0' },
    help: { type: 'boolean' },
  },
});
if (values.help === true) {
  process.stdout.write(`${usage}\n`);
  process.exit(0);
}
const file = resolve(values.sweep ?? join(packageRoot(), 'sweeps/quickstart.yaml'));
const sets =
  values.set ?? (values.sweep === undefined ? ['seeds=1', 'tasks.dialects.dialect=[0, 1, 2, 3]'] : []);
const killsEach = Number(values.kills);
const command = ['run', file, ...sets.flatMap((set) => ['--set', set])];
const { name } = await loadSweepFile(file, { vocabulary, sets });
const random = Random.of(Number(values.seed), 'chaos');

interface Kill {
  readonly victim: Victim;
  readonly duringTraining: boolean;
}

/** What became of a disturbed run. */
interface Disturbed {
  readonly findings: string;
  readonly kills: Kill[];
  readonly repeatedSteps: number;
}

process.exitCode = await chaos();

async function chaos(): Promise<number> {
  say(`${name}, undisturbed`);
  const expected = await inFolder(async (system) => {
    await finish(system, system.start(...command));
    return system.findings(name);
  });

  const planned = random.shuffled(Array.from({ length: killsEach }, () => victims).flat());
  const kills: Kill[] = [];
  let repeatedSteps = 0;
  let different = 0;
  let rounds = 0;
  // A sweep may end before all have been killed: then another one is disturbed.
  while (kills.length < planned.length) {
    say(`${name}, disturbed, ${planned.length - kills.length} kills to go`);
    const round = await inFolder((system) => disturb(system, planned.slice(kills.length)));
    rounds++;
    kills.push(...round.kills);
    repeatedSteps += round.repeatedSteps;
    if (round.findings !== expected) different++;
    say(round.findings === expected ? 'the same findings, byte for byte' : 'OTHER FINDINGS');
    if (round.kills.length === 0)
      throw new Error(`${name} ends before anything can be killed: choose a longer sweep`);
  }

  const rows = victims.map((victim) => {
    const of = kills.filter((kill) => kill.victim === victim);
    return [victim, String(of.length), String(of.filter((kill) => kill.duringTraining).length)];
  });
  const training = kills.filter((kill) => kill.duringTraining).length;
  rows.push(['all', String(kills.length), String(training)]);
  process.stdout.write(
    `${columns(rows, { head: ['killed', 'times', 'in training'], right: [1, 2] })}\n` +
      `${rounds} disturbed runs, ${repeatedSteps} training steps repeated; ` +
      (different === 0
        ? 'all findings are those of the undisturbed run, byte for byte\n'
        : `${different} runs found something else\n`),
  );
  return different === 0 ? 0 : 1;
}

/** Runs the sweep and kills, in order, as many of `planned` as it lasts. */
async function disturb(system: System, planned: readonly Victim[]): Promise<Disturbed> {
  let run = system.start(...command);
  const steps = new RepeatedSteps(system);
  const kills: Kill[] = [];
  for (const victim of planned) {
    const wantsTraining = random.uniform() < 0.6;
    const pause = 500 + random.integer(3_000);
    const pid = await choose(system, victim, run, wantsTraining, pause);
    if (pid === undefined) break;
    const duringTraining = (await system.states()).some(isTraining);
    killIfThere(pid);
    kills.push({ victim, duringTraining });
    say(`killed ${victim} (${pid})${duringTraining ? ' during training' : ''}`);
    if (victim === 'supervisor') await system.run('up');
    if (victim === 'command line') run = system.start(...command);
  }
  await finish(system, run);
  return { findings: await system.findings(name), kills, repeatedSteps: await steps.end() };
}

/** The next victim, once it is there and somewhere in its work; undefined where the sweep is over before. */
async function choose(
  system: System,
  victim: Victim,
  run: Running,
  wantsTraining: boolean,
  pause: number,
): Promise<number | undefined> {
  let over = false;
  void run.ended.then(() => (over = true));
  await Promise.race([sleep(pause), run.ended]);
  while (!over) {
    const states = await system.states();
    const busy = states.some(({ stage }) => stage !== undefined);
    if (wantsTraining ? states.some(isTraining) : busy) {
      const pid = await pidOf(system, victim, run, states);
      if (pid !== undefined) return pid;
    }
    await sleep(100);
  }
  return undefined;
}

async function pidOf(
  system: System,
  victim: Victim,
  run: Running,
  states: readonly WorkerState[],
): Promise<number | undefined> {
  if (victim === 'command line') return run.pid;
  const found = (await system.processes()).filter(({ role }) => role === victim);
  const trainers = states.filter(isTraining).map(({ pid }) => pid);
  const trainer = found.find(({ pid }) => trainers.includes(pid));
  return (trainer ?? (found.length === 0 ? undefined : found[random.integer(found.length)]))?.pid;
}

/** Waits for the run to end well. */
async function finish(system: System, run: Running): Promise<void> {
  const { code, stderr } = await run.ended;
  if (code !== 0) throw new Error(`temper run ended with ${code}:\n${stderr}`);
  await system.run('down');
}

/** A folder of its own, removed afterwards with everything that runs for it. */
async function inFolder<T>(work: (system: System) => Promise<T>): Promise<T> {
  const cwd = realpathSync(mkdtempSync(join(tmpdir(), 'temper-chaos-')));
  const system = new System({ folder: join(cwd, '.temper'), cwd });
  try {
    return await work(system);
  } finally {
    await system.end();
    rmSync(cwd, { recursive: true });
  }
}

function say(line: string): void {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`);
}
