/** @file Checkpoints: where a stage was, kept so that whoever holds the stage next goes on from there. */
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { messageOf } from '../base/errors.js';
import { moveToDamaged } from './aside.js';
import {
  foldersIn,
  hashFile,
  makeFolder,
  renameOntoFree,
  sync,
  syncTree,
  unlessGone,
  writeSynced,
} from './durable.js';
import { withStoreErrors } from './errors.js';
import { isSystemTrouble } from './inspect.js';
import { areaFolder, artifactFolder, checkpointsFolder, randomName } from './layout.js';
import { currentToken } from './lease.js';
import type { ArtifactRef, SetAside } from './manifest.js';

export interface Checkpoints {
  /** The newest complete checkpoint of the stage, whoever wrote it; every byte of it is verified. */
  latest(): Promise<{ step: number; folder: string } | undefined>;
  /**
   * Keeps what `write` puts into an empty folder as the state after `step` steps, and drops all but the two newest.
   * @throws StoreFull, EnvironmentError: the older checkpoints are still there
   */
  save(step: number, write: (folder: string) => Promise<void>): Promise<void>;
  /** Damaged checkpoints that `latest` passed over, so that they can be reported. */
  readonly damaged: readonly SetAside[];
}

/** Lies in a checkpoint's folder, written last. */
const listName = 'checkpoint.json';
const kept = 2;

const listSchema = z.object({
  step: z.int().nonnegative(),
  files: z.array(z.object({ path: z.string(), bytes: z.int().nonnegative(), sha256: z.string() })),
});

interface Saved {
  step: number;
  folder: string;
  token: string;
}

/** The checkpoints of a stage, to be written under a lease's token. */
export function checkpointsOf(root: string, ref: ArtifactRef, token: string): Checkpoints {
  const all = checkpointsFolder(root, ref);
  const own = join(all, token);
  const damaged: SetAside[] = [];
  return {
    damaged,
    async latest() {
      for (const { step, folder } of await savedBelow(all)) {
        const reason = await whatIsWrong(folder, step);
        if (reason === undefined) return { step, folder };
        const found = await unlessGone(stat(folder));
        if (found === undefined) continue; // pruned while we looked
        const moved = await moveToDamaged(root, folder, `checkpoint-${ref.key}-${step}`, reason, found.ino);
        if (moved === 'gone') continue;
        damaged.push({
          ref,
          cause: 'damaged',
          reason: `checkpoint at step ${step}: ${reason}`,
          ...(moved === 'unwritable' ? {} : moved),
        });
      }
      return undefined;
    },
    async save(step, write) {
      if (!Number.isSafeInteger(step) || step < 0)
        throw new RangeError(`a checkpoint's step is a count, not ${step}`);
      await withStoreErrors(own, async () => {
        await makeFolder(own);
        const beside = join(own, `.${step}-${randomName()}`);
        try {
          await mkdir(beside);
          await write(beside);
          await complete(beside, step);
          const target = join(own, String(step));
          // The same step again, after a resume from an older one: the new one takes the place of the old.
          if (!(await renameOntoFree(beside, target))) {
            await rename(target, join(own, `.${step}-${randomName()}`));
            await rename(beside, target);
          }
          await sync(own);
        } finally {
          await rm(beside, { recursive: true, force: true });
        }
      });
      await prune(root, ref, token);
    },
  };
}

/** Removes a stage's checkpoints, in one step for whoever looks. */
export async function dropCheckpoints(root: string, ref: ArtifactRef): Promise<void> {
  const folder = checkpointsFolder(root, ref);
  const away = join(areaFolder(root, 'checkpoints'), `.${ref.key}-${randomName()}`);
  if ((await foldersIn(folder)).length === 0) return;
  await rename(folder, away);
  await rm(away, { recursive: true, force: true });
}

async function complete(folder: string, step: number): Promise<void> {
  const files = [];
  for (const { path, bytes } of await syncTree(folder))
    files.push({ path, bytes, sha256: await hashFile(join(folder, path)) });
  await writeSynced(join(folder, listName), JSON.stringify({ step, files }));
  await sync(folder);
}

/** What is wrong with a checkpoint; undefined where nothing is. */
async function whatIsWrong(folder: string, step: number): Promise<string | undefined> {
  try {
    const list = listSchema.parse(JSON.parse(await readFile(join(folder, listName), 'utf8')));
    if (list.step !== step) return `it is the checkpoint of step ${list.step}`;
    for (const { path, bytes, sha256 } of list.files) {
      const { size } = await stat(join(folder, path));
      if (size !== bytes) return `${path} has ${size} bytes instead of ${bytes}`;
      if ((await hashFile(join(folder, path))) !== sha256) return `${path} has other bytes than were written`;
    }
    return undefined;
  } catch (error) {
    if (isSystemTrouble(error)) throw error;
    return messageOf(error);
  }
}

/**
 * Removes the checkpoints of stages that are published, which a crash between publication and `dropCheckpoints` left.
 * @returns of how many stages
 */
export async function sweepCheckpoints(root: string): Promise<number> {
  const kinds = await foldersIn(areaFolder(root, 'artifacts'));
  let swept = 0;
  for (const name of await foldersIn(areaFolder(root, 'checkpoints'))) {
    const folder = join(areaFolder(root, 'checkpoints'), name);
    if (name.startsWith('.')) {
      await rm(folder, { recursive: true, force: true });
    } else if (kinds.some((kind) => existsSync(artifactFolder(root, { kind, key: name })))) {
      const ref = { kind: '', key: name };
      if ((await currentToken(root, ref)) !== undefined) continue;
      await dropCheckpoints(root, ref);
    } else continue;
    swept++;
  }
  return swept;
}

/** Checkpoints of a stage under all tokens, newest step first. */
async function savedBelow(all: string): Promise<Saved[]> {
  const saved: Saved[] = [];
  for (const token of await foldersIn(all))
    for (const name of await foldersIn(join(all, token)))
      if (/^\d+$/.test(name)) saved.push({ step: Number(name), folder: join(all, token, name), token });
  return saved.sort((a, b) => b.step - a.step || (a.token < b.token ? -1 : 1));
}

/**
 * Keeps the two newest. The holder of the lease tidies up after its predecessors too; anyone else, a zombie above all,
 * touches only what is its own.
 */
async function prune(root: string, ref: ArtifactRef, token: string): Promise<void> {
  const all = checkpointsFolder(root, ref);
  const isHolder = (await currentToken(root, ref)) === token;
  const mine = (await savedBelow(all)).filter((saved) => isHolder || saved.token === token);
  for (const { step, folder, token: writer } of mine.slice(kept)) {
    const away = join(all, writer, `.${step}-${randomName()}`);
    // First out of sight in one step, so that no half-removed checkpoint is ever found.
    await unlessGone(rename(folder, away));
    await rm(away, { recursive: true, force: true });
  }
  for (const writer of await foldersIn(all)) {
    if (!isHolder && writer !== token) continue;
    for (const name of await foldersIn(join(all, writer)))
      if (name.startsWith('.')) await rm(join(all, writer, name), { recursive: true, force: true });
  }
}
