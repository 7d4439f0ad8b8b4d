/** @file Temper as people run it, for tests and for chaos: commands in a folder of their own, and its processes by role. */
import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { entryPoint } from '../base/folders.js';
import { codeOf } from '../base/errors.js';
import { processesWith } from '../worker/processes.js';
import { workerStates, type WorkerState } from '../worker/worker-options.js';

export interface Ran {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command under way. */
export interface Running {
  readonly pid: number;
  readonly ended: Promise<Ran>;
  /** Waits until it has printed `text`; throws, with what it did print, where it ends without. */
  printed(text: string): Promise<void>;
  kill(signal: NodeJS.Signals): void;
}

/** What can be killed. */
export const roles = ['executor', 'compute worker', 'orchestrator', 'supervisor', 'server'] as const;
export type Role = (typeof roles)[number];

export interface FoundProcess {
  readonly pid: number;
  readonly role: Role;
}

/** The commands and processes of one `.temper/` folder. */
export class System {
  /** Absolute. */
  readonly folder: string;
  readonly #cwd: string;
  readonly #env: NodeJS.ProcessEnv;

  constructor(options: { folder: string; cwd: string; env?: NodeJS.ProcessEnv }) {
    this.folder = options.folder;
    this.#cwd = options.cwd;
    this.#env = { ...process.env, ...options.env };
  }

  /** Starts `temper <args>`. */
  start(...args: string[]): Running {
    return startCommand([...args, '--folder', this.folder], { cwd: this.#cwd, env: this.#env });
  }

  /** Runs `temper <args>` to its end. */
  run(...args: string[]): Promise<Ran> {
    return this.start(...args).ended;
  }

  /** `results --format json` without the part that tells when and where each stage ran, which comes last. */
  async findings(sweep: string): Promise<string> {
    const { code, stdout, stderr } = await this.run('results', sweep, '--format', 'json');
    if (code !== 0) throw new Error(`temper results ended with ${code}: ${stderr}`);
    const timings = stdout.indexOf('"timings"');
    if (timings < 0) throw new Error('temper results --format json printed no timings');
    return stdout.slice(0, timings);
  }

  /** The processes that run for this folder, commands aside. */
  async processes(): Promise<FoundProcess[]> {
    const found: FoundProcess[] = [];
    for (const { pid, command } of await processesWith(this.folder)) {
      const role = roleOf(command);
      if (role !== undefined) found.push({ pid, role });
    }
    return found;
  }

  /** What its workers do. */
  states(): Promise<WorkerState[]> {
    return workerStates(this.folder);
  }

  /** The state of a compute worker once it is some steps into the training of that title. */
  async training(title: string): Promise<WorkerState> {
    return waitFor(`a training: ${title}`, async () =>
      (await this.states()).find(
        ({ stage, progress }) => stage?.title.startsWith(title) === true && (progress?.step ?? 0) > 0,
      ),
    );
  }

  /** Ends whatever runs for the folder, in order and else by force. For the end of a test. */
  async end(): Promise<void> {
    await this.run('down');
    for (const { pid } of await processesWith(this.folder)) killIfThere(pid);
    await waitFor('the end of all processes', async () => (await this.processes()).length === 0 || undefined);
  }
}

function startCommand(args: string[], how: { cwd: string; env: NodeJS.ProcessEnv }): Running {
  const child = spawn(process.execPath, [entryPoint('cli/main'), ...args], {
    ...how,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (data: Buffer) => (stdout += data.toString()));
  child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
  let over = false;
  const ended = new Promise<Ran>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      over = true;
      resolve({ code, signal, stdout, stderr });
    });
  });
  return {
    pid: child.pid ?? 0,
    ended,
    kill: (signal) => void child.kill(signal),
    printed: async (text) => {
      await waitFor(
        `"${text}"`,
        async () => over || stdout.includes(text) || stderr.includes(text) || undefined,
      );
      if (!stdout.includes(text) && !stderr.includes(text))
        throw new Error(`temper ${args[0]} ended without printing "${text}":\n${stderr}${stdout}`);
    },
  };
}

function roleOf(command: string): Role | undefined {
  if (command.includes('worker/supervisor')) return 'supervisor';
  if (command.includes('worker/executor')) return 'executor';
  if (command.includes('worker/main')) {
    return command.includes('"role":"orchestrator"') ? 'orchestrator' : 'compute worker';
  }
  // The shell that sees to it that the server does not outlive its supervisor has the server in its arguments too.
  if (command.includes('start-dev')) return command.includes('/bin/sh') ? undefined : 'server';
  return undefined;
}

export function killIfThere(pid: number, signal: NodeJS.Signals = 'SIGKILL'): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (codeOf(error) !== 'ESRCH') throw error;
  }
}

/** Looks until there is something; gives up after minutes, saying what it waited for. */
export async function waitFor<T>(
  what: string,
  look: () => Promise<T | undefined>,
  seconds = 240,
): Promise<T> {
  const deadline = performance.now() + seconds * 1000;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > deadline) throw new Error(`waited ${seconds} s for ${what}`);
    await sleep(50);
  }
}
