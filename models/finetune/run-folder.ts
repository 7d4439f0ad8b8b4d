/** @file The folder of a fine-tuning: what it is a training of, its checkpoints, and whether it is the one to go on with. */
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { codeOf, EnvironmentError, messageOf, UserError } from '../../base/errors.js';
import { canonicalJson, hashOf, type Json, type JsonObject } from '../../base/json.js';
import { readTrainingState, writeTrainingState } from '../../onnx/training-state.js';
import type { TrainingState } from '../../onnx/state.js';
import { type Checkpoints, checkpointsOf } from '../../store/checkpoint.js';
import { makeFolder } from '../../store/durable.js';
import { type Held, isLease, type Lease, takeLease } from '../../store/lease.js';
import { thisProcess } from '../../store/owner.js';
import type { LoggedStep } from './step-log.js';

const names = {
  run: 'run.json',
  result: 'training.json',
  checkpoints: 'checkpoints',
  leases: 'leases',
} as const;
/** Of the folder, whatever is trained in it. */
const lease = { kind: 'finetune', key: hashOf('finetune') } as const;
/** Longer than any run of ONNX Runtime; a process that is gone is noticed at once. */
const leaseSeconds = 3600;
/** What earlier trainings into the folder may have left. */
const products = [
  'onnx',
  'model.safetensors',
  'adapter_model.safetensors',
  'adapter_config.json',
  'config.json',
];

/** Where a training stands. */
export interface Standing {
  readonly state: TrainingState;
  /** Of every step taken. */
  readonly steps: readonly LoggedStep[];
}

export class RunFolder {
  readonly path: string;
  /** None where the training is done: nobody is in anybody's way then. */
  readonly #lease: Lease | undefined;
  readonly #checkpoints: Checkpoints;

  private constructor(path: string, key: string, held?: Lease) {
    this.path = path;
    this.#lease = held;
    this.#checkpoints = checkpointsOf(path, { kind: 'finetune', key }, 'run');
  }

  /**
   * Opens the folder for a training, and makes it where it is not there.
   *
   * @param run everything that the training's bytes depend on
   * @throws UserError where the folder holds something else, or a training of other settings: says which
   */
  static async open(path: string, run: JsonObject, overwrite: boolean): Promise<RunFolder> {
    const folder = resolve(path);
    const entries = await entriesOf(folder);
    const before = entries.includes(names.run) ? await readRun(join(folder, names.run)) : undefined;
    if (before === undefined && entries.length > 0 && !overwrite) {
      throw new UserError(
        `${folder} holds files that are not of a training (${entries.slice(0, 4).join(', ')}). Name another folder (--out), or write into this one: --overwrite`,
      );
    }
    if (before !== undefined && canonicalJson(before) !== canonicalJson(run)) {
      if (!overwrite) {
        throw new UserError(
          `${folder} holds a training with other settings:\n${differences(before, run).join('\n')}\n` +
            'Give the same settings to go on with it, name another folder (--out), or begin anew: --overwrite',
        );
      }
      const held = await hold(folder);
      const old = [names.run, names.result, names.checkpoints, ...products];
      for (const name of old) await rm(join(folder, name), { recursive: true, force: true });
      await held.release();
    }
    const isDone =
      before !== undefined && canonicalJson(before) === canonicalJson(run) && entries.includes(names.result);
    if (isDone) return new RunFolder(folder, hashOf(run));
    const held = await hold(folder);
    try {
      await write(join(folder, names.run), run);
    } catch (error) {
      await held.release();
      throw error;
    }
    return new RunFolder(folder, hashOf(run), held);
  }

  /** Says that the training still goes on. @throws where another process has taken over */
  async renew(): Promise<void> {
    const left = (this.#lease?.expiresAt ?? Infinity) - Date.now();
    if (left < (leaseSeconds * 1000) / 2) await this.#lease?.renew();
  }

  /** Lets go of the folder. */
  async release(): Promise<void> {
    await this.#lease?.release();
  }

  /** What the finished training came to; undefined where it is not finished. */
  async result(): Promise<JsonObject | undefined> {
    try {
      return JSON.parse(await readFile(join(this.path, names.result), 'utf8')) as JsonObject;
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** The newest checkpoint that is whole; damaged ones are passed over. */
  async standing(): Promise<Standing | undefined> {
    const checkpoint = await this.#checkpoints.latest();
    if (checkpoint === undefined) return undefined;
    const path = join(checkpoint.folder, 'state.safetensors');
    const steps = (await readFile(join(checkpoint.folder, 'steps.jsonl'), 'utf8'))
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as LoggedStep);
    return { state: await readTrainingState(path), steps };
  }

  async save({ state, steps }: Standing): Promise<void> {
    await this.#checkpoints.save(state.step, async (folder) => {
      await writeTrainingState(join(folder, 'state.safetensors'), state);
      await writeFile(join(folder, 'steps.jsonl'), steps.map((step) => `${JSON.stringify(step)}\n`).join(''));
    });
  }

  /** Marks the training as finished, its files being there; the checkpoints go. */
  async finish(result: JsonObject): Promise<void> {
    await write(join(this.path, names.result), result);
    await this.release();
    for (const name of [names.checkpoints, names.leases])
      await rm(join(this.path, name), { recursive: true, force: true });
  }
}

/** @throws UserError where another process trains into the folder */
async function hold(folder: string): Promise<Lease> {
  let answer: Lease | Held;
  try {
    await makeFolder(folder);
    answer = await takeLease(folder, lease, thisProcess('finetune'), { seconds: leaseSeconds });
  } catch (error) {
    throw new EnvironmentError(`${folder} cannot be written: ${messageOf(error)}`, { cause: error });
  }
  if (isLease(answer)) return answer;
  const { host, pid } = answer.heldBy;
  throw new UserError(
    `${folder}: process ${pid} on ${host} trains into it now. Wait for it, or name another folder (--out)`,
  );
}

async function entriesOf(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw new UserError(`${folder} is no folder to write to: ${messageOf(error)}`, { cause: error });
  }
}

async function readRun(path: string): Promise<JsonObject> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as JsonObject;
  } catch (error) {
    throw new UserError(`${path} cannot be read (${messageOf(error)}). Begin anew with --overwrite`, {
      cause: error,
    });
  }
}

async function write(path: string, value: JsonObject): Promise<void> {
  const beside = `${path}.${process.pid}.tmp`;
  await writeFile(beside, `${JSON.stringify(value, undefined, 2)}\n`);
  await rename(beside, path);
}

/** One line for each value that is not the same: "  lr: 0.001 before, 0.01 now". */
function differences(before: Json | undefined, now: Json | undefined, path = ''): string[] {
  if (isObject(before) && isObject(now)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(now)])].sort();
    return keys.flatMap((key) => differences(before[key], now[key], path === '' ? key : `${path}.${key}`));
  }
  const [was, is] = [shown(before), shown(now)];
  return was === is ? [] : [`  ${path}: ${was} before, ${is} now`];
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function shown(value: Json | undefined): string {
  return value === undefined ? 'none' : canonicalJson(value);
}
