/** @file Publication: written beside, synced, manifest last, renamed into place; the first to publish wins. */
import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ArtifactMissing, withStoreErrors } from './errors.js';
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
import { readManifest, type Verified } from './inspect.js';
import { areaFolder, artifactFolder, kindFolder, manifestName, randomName } from './layout.js';
import {
  sealManifest,
  type ArtifactRef,
  type Manifest,
  type ManifestFile,
  type Publication,
} from './manifest.js';
import { isDead, thisProcess, type Owner } from './owner.js';
import { probe } from './probe.js';

export interface Draft {
  /** An empty folder of one's own to write files into; `manifest.json` at its top is the store's. */
  readonly folder: string;
  /**
   * Makes the draft the artifact. Where another was first, the draft is dropped and `manifest` is the winner's.
   * @throws StoreFull, EnvironmentError: the draft is dropped, nothing published is lost
   */
  publish(publication: Publication): Promise<{ manifest: Manifest; won: boolean }>;
  /** Drops the draft. After `publish` there is nothing left to drop, so this belongs in a `finally`. */
  discard(): Promise<void>;
}

/** Other hosts' drafts: of their processes nothing is known, but nobody writes at one artifact for a week. */
const strangersDraftDays = 7;

/** How often a winner may turn out to be damaged before publishing gives up. */
const patience = 5;

/** A new draft. Its folder is named by its owner, so that one `mkdir` makes both: a crash leaves no draft without owner. */
export async function openDraft(root: string, verified: Verified, ref: ArtifactRef): Promise<Draft> {
  const folder = join(areaFolder(root, 'drafts'), `${draftPrefix(thisProcess('draft'))}.${randomName()}`);
  await withStoreErrors(folder, async () => {
    await makeFolder(areaFolder(root, 'drafts'));
    await mkdir(folder);
  });
  const discard = (): Promise<void> => rm(folder, { recursive: true, force: true });
  return {
    folder,
    async publish(publication) {
      try {
        return await withStoreErrors(folder, () => publishFolder(root, verified, ref, folder, publication));
      } finally {
        await discard();
      }
    },
    discard,
  };
}

async function publishFolder(
  root: string,
  verified: Verified,
  ref: ArtifactRef,
  folder: string,
  publication: Publication,
): Promise<{ manifest: Manifest; won: boolean }> {
  const manifest = sealManifest(ref, publication, await describe(folder));
  await writeSynced(join(folder, manifestName), `${JSON.stringify(manifest, null, 2)}\n`);
  await sync(folder);
  await makeFolder(kindFolder(root, ref.kind));
  for (let look = 0; look < patience; look++) {
    if (await renameOntoFree(folder, artifactFolder(root, ref))) {
      await sync(kindFolder(root, ref.kind));
      return { manifest, won: true };
    }
    // Someone was first. A winner that is no hit (damaged since) is set aside by this probe, and the place is free again.
    const { published } = await probe(root, verified, [ref]);
    const winner = published.length === 0 ? undefined : readManifest(root, ref);
    if (winner !== undefined) return { manifest: winner, won: false };
  }
  throw new ArtifactMissing(ref, artifactFolder(root, ref));
}

/** Every file of a draft, synced and hashed. */
async function describe(folder: string): Promise<ManifestFile[]> {
  const found = await syncTree(folder);
  if (found.length === 0)
    throw new Error(`nothing was written into ${folder}, so there is nothing to publish`);
  if (found.some(({ path }) => path === manifestName))
    throw new Error(`${manifestName} is the store's own file; give yours another name`);
  const files: ManifestFile[] = [];
  for (const { path, bytes, modified } of found)
    files.push({ path, bytes, sha256: await hashFile(join(folder, path)), modified });
  return files;
}

/** Removes the drafts whose writers are dead. @returns how many there were */
export async function sweepDrafts(root: string): Promise<number> {
  let swept = 0;
  for (const name of await foldersIn(areaFolder(root, 'drafts'))) {
    const folder = join(areaFolder(root, 'drafts'), name);
    if (!(await isAbandoned(folder, name))) continue;
    await rm(folder, { recursive: true, force: true });
    swept++;
  }
  return swept;
}

async function isAbandoned(folder: string, name: string): Promise<boolean> {
  const owner = draftOwner(name);
  if (owner !== undefined && isDead(owner)) return true;
  if (owner?.host === thisProcess('').host) return false;
  const found = await unlessGone(stat(folder)); // published or discarded meanwhile: not ours to remove
  return found !== undefined && Date.now() - found.mtimeMs > strangersDraftDays * 86_400_000;
}

const draftPrefix = ({ host, pid, processStarted }: Owner): string => `${host}.${pid}.${processStarted}`;

function draftOwner(name: string): Omit<Owner, 'label'> | undefined {
  const [host, pid, processStarted] = name.split('.');
  if (host === undefined || processStarted === undefined || !/^\d+$/.test(pid ?? '')) return undefined;
  return { host, pid: Number(pid), processStarted };
}
