/** @file What a worker process is told when it starts, and how it says what it is doing. */
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../base/errors.js';
import type { StageProgress } from '../activities/context.js';
import type { DeviceClass, Stage } from '../plan/stage.js';

export type WorkerRole = 'orchestrator' | 'compute';

/** The one argument of a worker process, as JSON. */
export interface WorkerOptions {
  readonly role: WorkerRole;
  readonly address: string;
  readonly namespace: string;
  readonly store: string;
  /** `.temper/`: where it says what it is doing, and remembers fingerprints. */
  readonly folder: string;
  /** "orchestrator", "cpu:0" */
  readonly label: string;
  readonly device: DeviceClass;
  readonly threads: number;
}

/** What one worker does at the moment, for people. */
export interface WorkerState {
  readonly label: string;
  readonly role: WorkerRole;
  readonly pid: number;
  /** Absent while it waits for work. */
  readonly stage?: { readonly kind: string; readonly title: string; readonly key: string };
  readonly progress?: StageProgress;
  /** When the stage began, in milliseconds since 1970. */
  readonly since?: number;
}

function statesFolder(folder: string): string {
  return join(folder, 'workers');
}

/** Writes a worker's state where {@link workerStates} finds it. */
export class StateFile {
  readonly #path: string;
  readonly #worker: Pick<WorkerState, 'label' | 'role' | 'pid'>;
  #stage: string | undefined;
  #since = 0;
  #written = 0;

  constructor(options: WorkerOptions) {
    mkdirSync(statesFolder(options.folder), { recursive: true });
    this.#path = join(statesFolder(options.folder), `${options.label.replace(':', '-')}.json`);
    this.#worker = { label: options.label, role: options.role, pid: process.pid };
    this.show(null);
  }

  /** `null`: waits for work. Progress within a stage is written about twice a second. */
  show(stage: Stage | null, progress?: StageProgress): void {
    const now = Date.now();
    if (stage !== null && this.#stage === stage.key && now - this.#written < 500) return;
    if (this.#stage !== stage?.key) this.#since = now;
    this.#stage = stage?.key;
    this.#written = now;
    const state: WorkerState =
      stage === null
        ? this.#worker
        : {
            ...this.#worker,
            stage: { kind: stage.kind, title: stage.title, key: stage.key },
            since: this.#since,
            ...(progress === undefined ? {} : { progress }),
          };
    const beside = `${this.#path}.${process.pid}.new`;
    writeFileSync(beside, JSON.stringify(state));
    renameSync(beside, this.#path);
  }

  remove(): void {
    rmSync(this.#path, { force: true });
  }
}

/** What the workers of a `.temper/` folder do, by label; those that are gone are left out. */
export async function workerStates(folder: string): Promise<WorkerState[]> {
  let names: string[];
  try {
    names = await readdir(statesFolder(folder));
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
  const states: WorkerState[] = [];
  for (const name of names.filter((file) => file.endsWith('.json')).sort()) {
    try {
      const state = JSON.parse(await readFile(join(statesFolder(folder), name), 'utf8')) as WorkerState;
      if (isAlive(state.pid)) states.push(state);
    } catch (error) {
      // Removed between listing and reading: that worker has ended.
      if (codeOf(error) !== 'ENOENT') throw error;
    }
  }
  return states;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}
