/** @file The store: every result under the hash of what was asked for, in a local folder that many processes share. */
import { randomUUID } from 'node:crypto';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join, resolve as absolute } from 'node:path';
import { z } from 'zod';
import { codeOf, EnvironmentError, messageOf, UserError } from '../base/errors.js';
import { list, resolve, show, verify, type Listed, type Shown, type VerifyResult } from './catalog.js';
import { checkpointsOf, dropCheckpoints, sweepCheckpoints, type Checkpoints } from './checkpoint.js';
import { openDraft, sweepDrafts, type Draft } from './draft.js';
import { createWhole, makeFolder, sync } from './durable.js';
import { withStoreErrors } from './errors.js';
import type { Verified } from './inspect.js';
import { areaFolder, areas, checkRef, layoutVersion, storeFile } from './layout.js';
import { sweepLeases, takeLease, type Held, type Lease } from './lease.js';
import { lineage, type LineageNode } from './lineage.js';
import { stageLog, stageLogs, type StageLog } from './log.js';
import type { ArtifactRef } from './manifest.js';
import type { Owner } from './owner.js';
import { probe, read, type Artifact, type Probed } from './probe.js';

export {
  ArtifactDamaged,
  ArtifactMissing,
  isStoreFull,
  LeaseLost,
  StoreFull,
  withStoreErrors,
} from './errors.js';
export { isLease, type Held, type Lease } from './lease.js';
export { contentDigest } from './manifest.js';
export type {
  ArtifactRef,
  Manifest,
  ManifestFile,
  ManifestInput,
  Publication,
  SetAside,
} from './manifest.js';
export { isDead, ownerOf, thisProcess, type Owner } from './owner.js';
export type { Listed, Shown, VerifyResult } from './catalog.js';
export type { Checkpoints } from './checkpoint.js';
export type { Draft } from './draft.js';
export type { LineageNode } from './lineage.js';
export type { StageLog } from './log.js';
export type { Artifact, Probed } from './probe.js';

export interface Store {
  /** Absolute path of the folder. */
  readonly root: string;
  /** Random, made with the store: a worker with another store never takes this one's work. */
  readonly id: string;
  /** Which artifacts are hits; damaged and superseded ones are set aside and reported. */
  probe(refs: readonly ArtifactRef[]): Promise<Probed>;
  /** An artifact, every byte verified (once per process). @throws ArtifactMissing, ArtifactDamaged (set aside by then) */
  read(ref: ArtifactRef): Promise<Artifact>;
  /** A folder to write a new artifact into. */
  draft(ref: ArtifactRef): Promise<Draft>;
  /**
   * The right to compute a stage, for `seconds` (20) at a time. Look again with `probe` once you hold it: its last holder
   * may have published just before.
   */
  lease(ref: ArtifactRef, owner: Owner, options?: { seconds?: number }): Promise<Lease | Held>;
  checkpoints(ref: ArtifactRef, token: string): Checkpoints;
  dropCheckpoints(ref: ArtifactRef): Promise<void>;
  log(ref: ArtifactRef, attempt: number): StageLog;
  /** Paths of a stage's logs, by attempt. */
  logs(ref: ArtifactRef): Promise<string[]>;
  /** Removes what dead processes left behind; never what a living one uses. */
  sweep(): Promise<{ drafts: number; leases: number; checkpoints: number }>;
  list(filter?: { kind?: string }): Promise<Listed[]>;
  resolve(prefix: string): Promise<ArtifactRef>;
  show(prefix: string): Promise<Shown>;
  verify(refs?: readonly ArtifactRef[]): Promise<VerifyResult>;
  lineage(prefix: string): Promise<LineageNode>;
}

const storeFileSchema = z.object({ layout: z.int(), id: z.string().min(1) });

/**
 * Opens the store in a folder.
 * @param options create: make it where there is none, make sure that it can be written, and sweep it; without it, opening writes nothing
 * @throws UserError where there is no store, where the folder holds other things, or where a newer Temper made it;
 *   EnvironmentError where it cannot be written
 */
async function open(folder: string, options: { create?: boolean } = {}): Promise<Store> {
  const root = absolute(folder);
  if (options.create === true) await create(root);
  const store = storeAt(root, await readStoreFile(root));
  if (options.create === true) await store.sweep();
  return store;
}

export const Store = { open };

function storeAt(root: string, id: string): Store {
  const verified: Verified = new Map();
  return {
    root,
    id,
    probe: (refs) => withStoreErrors(root, () => probe(root, verified, refs.map(checkRef))),
    read: (ref) => withStoreErrors(root, () => read(root, verified, checkRef(ref))),
    draft: async (ref) => openDraft(root, verified, checkRef(ref)),
    lease: async (ref, owner, leaseOptions) => takeLease(root, checkRef(ref), owner, leaseOptions),
    checkpoints: (ref, token) => checkpointsOf(root, checkRef(ref), token),
    dropCheckpoints: (ref) => withStoreErrors(root, async () => dropCheckpoints(root, checkRef(ref))),
    log: (ref, attempt) => stageLog(root, checkRef(ref), attempt),
    logs: async (ref) => stageLogs(root, checkRef(ref)),
    sweep: () =>
      withStoreErrors(root, async () => ({
        drafts: await sweepDrafts(root),
        leases: await sweepLeases(root),
        checkpoints: await sweepCheckpoints(root),
      })),
    list: (filter) => list(root, filter),
    resolve: (prefix) => resolve(root, prefix),
    show: (prefix) => show(root, prefix),
    verify: (refs) => withStoreErrors(root, async () => verify(root, verified, refs?.map(checkRef))),
    lineage: (prefix) => lineage(root, prefix),
  };
}

async function create(root: string): Promise<void> {
  await withStoreErrors(root, async () => {
    await makeRoot(root);
    const names = await readdir(root);
    if (!names.includes('store.json')) {
      const strange = names.find((name) => !name.startsWith('.'));
      if (strange !== undefined)
        throw new UserError(
          `${root} holds other things (${strange}, …) and no store; give --store an empty folder, one that does not exist yet, or a store`,
        );
      // Two processes may get here at once: the first one's identity stands.
      await createWhole(storeFile(root), `${JSON.stringify({ layout: layoutVersion, id: randomUUID() })}\n`, {
        synced: true,
      });
      await sync(root);
    }
    await readStoreFile(root);
    for (const area of areas) await makeFolder(areaFolder(root, area));
    await tryWriting(root);
  });
}

/** Better now than after an hour of training. What a kill leaves of it is a draft of a dead process, which is swept. */
async function tryWriting(root: string): Promise<void> {
  const draft = await openDraft(root, new Map(), { kind: 'trial', key: '' });
  try {
    await writeFile(join(draft.folder, 'trial'), 'can this store be written?');
  } finally {
    await draft.discard();
  }
}

async function makeRoot(root: string): Promise<void> {
  try {
    await makeFolder(root);
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOTDIR' || code === 'EEXIST')
      throw new UserError(
        `the store's folder ${root} cannot be made, since a file is in the way; give --store another path`,
      );
    if (code === 'ENOENT')
      throw new EnvironmentError(
        `the store's folder ${root} cannot be made (${messageOf(error)}); give --store another path`,
      );
    throw error;
  }
}

async function readStoreFile(root: string): Promise<string> {
  const path = storeFile(root);
  let value: unknown;
  try {
    value = JSON.parse(await withStoreErrors(path, () => readFile(path, 'utf8')));
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR')
      throw new UserError(`there is no store in ${root}; name one with --store, or let temper run make it`);
    if (!(error instanceof SyntaxError)) throw error;
  }
  const parsed = storeFileSchema.safeParse(value);
  if (!parsed.success)
    throw new UserError(
      `${path} is not a store's (expected {"layout": ${layoutVersion}, "id": "…"}); restore it, or give --store another folder`,
    );
  const { layout, id } = parsed.data;
  if (layout > layoutVersion)
    throw new UserError(
      `the store in ${root} has layout ${layout}, and this Temper knows layouts up to ${layoutVersion}; use a newer Temper, or another store (--store)`,
    );
  return id;
}
