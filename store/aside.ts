/** @file Moving what is no longer a hit out of the way: never deleted, and its place free to be made again. */
import { rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../base/errors.js';
import { makeFolder, renameOntoFree } from './durable.js';
import { areaFolder, artifactFolder, randomName } from './layout.js';
import type { ArtifactRef, SetAside } from './manifest.js';

/**
 * Moves an artifact to `damaged/<kind>-<key>-<time>/` with a `reason.txt`.
 * @param inode the folder that was looked at: another process may have set it aside and published a good one meanwhile
 * @returns undefined where that happened, so that the caller looks again
 */
export async function setAside(
  root: string,
  ref: ArtifactRef,
  inode: number,
  cause: SetAside['cause'],
  reason: string,
): Promise<SetAside | undefined> {
  const from = artifactFolder(root, ref);
  const moved = await moveToDamaged(root, from, `${ref.kind}-${ref.key}`, reason, inode);
  if (moved === 'gone') return undefined;
  return { ref, cause, reason, ...(moved === 'unwritable' ? {} : moved) };
}

/**
 * Moves a folder into `damaged/`, where people find it with the reason beside it.
 * @returns where it is now; "gone" where it is not, or no longer, the folder with that inode; "unwritable" where the store is
 */
export async function moveToDamaged(
  root: string,
  from: string,
  name: string,
  reason: string,
  inode: number,
): Promise<{ movedTo: string } | 'gone' | 'unwritable'> {
  const time = new Date().toISOString().replace(/[:.]/g, '-');
  const to = join(areaFolder(root, 'damaged'), `${name}-${time}-${randomName().slice(0, 6)}`);
  try {
    await makeFolder(areaFolder(root, 'damaged'));
    await rename(from, to);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return 'gone';
    if (isUnwritable(error)) return 'unwritable';
    throw error;
  }
  if ((await stat(to)).ino !== inode) {
    // Not the one that was looked at. Where its place has been taken since, it stays here as the later of two copies.
    await renameOntoFree(to, from);
    return 'gone';
  }
  try {
    await writeFile(join(to, 'reason.txt'), `${reason}\n`);
  } catch (error) {
    if (!isUnwritable(error)) throw error;
    // The move is what matters, and the reason is reported to the caller as well.
  }
  return { movedTo: to };
}

function isUnwritable(error: unknown): boolean {
  return ['EROFS', 'EACCES', 'EPERM', 'ENOSPC', 'EDQUOT', 'EFBIG'].includes(codeOf(error) ?? '');
}
