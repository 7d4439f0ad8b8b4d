/** @file What a supervisor writes down for its clients, its lock, and how a client starts or adopts one. */
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import lockfile from 'proper-lockfile';
import { codeOf, EnvironmentError, UserError } from '../base/errors.js';
import { entryPoint } from '../base/folders.js';
import { endProcess, isRunning } from './processes.js';

export interface SupervisorOptions {
  /** `.temper/` */
  readonly folder: string;
  readonly store: string;
  /** It closes when no workflow has been open for so long. */
  readonly idleMinutes: number;
  /** Processors to share among compute workers; all by default. */
  readonly cores?: number;
}

export type SupervisorRecord = {
  readonly pid: number;
  /** The store that its workers have open. */
  readonly store: string;
} & (
  | { readonly state: 'starting' }
  /** It was told to end, or had nothing to do; everything that it ran ends, and then itself. */
  | { readonly state: 'closed' }
  | { readonly state: 'ready'; readonly address: string; readonly ui: string }
  | { readonly state: 'failed'; readonly error: string; readonly environment: boolean }
);

/** The lock of a supervisor that was killed is free after so long. */
const staleMilliseconds = 5_000;
/** A supervisor may have to build the Temporal CLI first; while its process lives it is waited for. */
const pollMilliseconds = 100;

function recordPath(folder: string): string {
  return join(folder, 'supervisor.json');
}

export function supervisorLog(folder: string): string {
  return join(folder, 'supervisor.log');
}

/** Takes the lock of a folder; undefined where another supervisor holds it. */
export async function lockFolder(
  folder: string,
  onLost: (error: Error) => void,
): Promise<(() => Promise<void>) | undefined> {
  try {
    return await lockfile.lock(folder, {
      lockfilePath: join(folder, 'supervisor.lock'),
      stale: staleMilliseconds,
      update: 1_000,
      onCompromised: onLost,
    });
  } catch (error) {
    if (codeOf(error) === 'ELOCKED') return undefined;
    throw error;
  }
}

export async function writeRecord(folder: string, record: SupervisorRecord): Promise<void> {
  const beside = `${recordPath(folder)}.${process.pid}.new`;
  await writeFile(beside, JSON.stringify(record));
  await rename(beside, recordPath(folder));
}

/** The supervisor of a folder, if one runs. */
export async function runningSupervisor(folder: string): Promise<SupervisorRecord | undefined> {
  const record = await lastSupervisor(folder);
  return record !== undefined && (await isRunning(record.pid, 'worker/supervisor')) ? record : undefined;
}

/** What the newest supervisor of a folder wrote last, whether it runs or not. */
export async function lastSupervisor(folder: string): Promise<SupervisorRecord | undefined> {
  try {
    return JSON.parse(await readFile(recordPath(folder), 'utf8')) as SupervisorRecord;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

export interface LocalService {
  readonly address: string;
  readonly ui: string;
  /** Whether it ran already. */
  readonly adopted: boolean;
}

/**
 * Starts the supervisor of a folder, or adopts the one that runs; returns when its server answers.
 * @throws EnvironmentError with the reason where it does not come up; UserError where it runs with another store
 */
export async function ensureSupervisor(
  options: SupervisorOptions,
  log: (line: string) => void,
): Promise<LocalService> {
  let started: number | undefined;
  let told = 0;
  for (;;) {
    const record = await runningSupervisor(options.folder);
    if (record !== undefined && record.store !== options.store) {
      throw new UserError(
        `the workers of ${options.folder} run with the store ${record.store}, not ${options.store}. ` +
          'End them first (temper down), or use another folder for this store (--folder).',
      );
    }
    if (record?.state === 'ready')
      return { address: record.address, ui: record.ui, adopted: started === undefined };
    if (record === undefined) {
      if (started !== undefined) await failIfOver(options.folder, started);
      else started = await startSupervisor(options);
    }
    told = await tellNews(options.folder, started !== undefined ? told : Infinity, log);
    await sleep(pollMilliseconds);
  }
}

async function startSupervisor(options: SupervisorOptions): Promise<number> {
  try {
    await mkdir(options.folder, { recursive: true });
  } catch (error) {
    throw new UserError(
      `${options.folder} cannot be created: ${String(error)}. Run where you may write, or name another place with --folder.`,
    );
  }
  const output = openSync(supervisorLog(options.folder), 'w');
  try {
    const child = spawn(process.execPath, [entryPoint('worker/supervisor'), JSON.stringify(options)], {
      detached: true,
      stdio: ['ignore', output, output],
    });
    child.unref();
    if (child.pid === undefined) throw new EnvironmentError('the supervisor process could not be started');
    return child.pid;
  } finally {
    closeSync(output);
  }
}

/** A supervisor that was started and is gone has written why. */
async function failIfOver(folder: string, pid: number): Promise<void> {
  if (await isRunning(pid, 'worker/supervisor')) return;
  // Another may have won the lock between two looks.
  if ((await runningSupervisor(folder)) !== undefined) return;
  const record = await lastSupervisor(folder);
  if (record?.state === 'failed' && record.pid === pid) throw new EnvironmentError(record.error);
  const log = await readFile(supervisorLog(folder), 'utf8');
  throw new EnvironmentError(
    `the supervisor ended (see ${supervisorLog(folder)}):\n${log.split('\n').slice(-10).join('\n')}`,
  );
}

/** Passes on what the supervisor has to say while it starts: a build of the Temporal CLI takes minutes. */
async function tellNews(folder: string, told: number, log: (line: string) => void): Promise<number> {
  if (told === Infinity) return told;
  const text = await readFile(supervisorLog(folder), 'utf8');
  const lines = text.split('\n').slice(0, -1);
  for (const line of lines.slice(told)) {
    const said = line.replace(/^\S+ /, '');
    if (!said.startsWith('ready:')) log(said);
  }
  return lines.length;
}

/** Ends the supervisor of a folder and with it everything that it runs. Returns false where none ran. */
export async function stopSupervisor(folder: string): Promise<boolean> {
  const record = await runningSupervisor(folder);
  if (record === undefined) return false;
  const gone = (async () => {
    while (await isRunning(record.pid, 'worker/supervisor')) await sleep(pollMilliseconds);
  })();
  await endProcess(record.pid, gone, 20_000);
  await gone;
  return true;
}
