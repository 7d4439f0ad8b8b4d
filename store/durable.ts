/** @file Bytes that survive a power cut: hashing, fsync of files and folders, files that appear whole or not at all. */
import { createHash } from 'node:crypto';
import { createReadStream, type Dirent } from 'node:fs';
import { link, mkdir, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { codeOf } from '../base/errors.js';
import { randomName } from './layout.js';

/** sha256 of a file, read in pieces. */
export async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 }))
    hash.update(chunk as Uint8Array);
  return hash.digest('hex');
}

/** Asks the disk to keep a file's bytes or a folder's entries. */
export async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Makes a folder and those above it that are missing, each synced into its parent. (Node's own recursive `mkdir` never
 * returns where a file system answers ENOENT below a folder that exists, as /proc does.)
 */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    if (codeOf(error) === 'EEXIST' && (await stat(path)).isDirectory()) return;
    if (codeOf(error) !== 'ENOENT' || dirname(path) === path) throw error;
    await makeFolder(dirname(path));
    await mkdir(path).catch((again: unknown) => {
      if (codeOf(again) !== 'EEXIST') throw again; // another process made it meanwhile
    });
  }
  await sync(dirname(path));
}

/** Writes a new file and syncs it; the folder's entry is the caller's to sync. */
export async function writeSynced(path: string, text: string): Promise<void> {
  const handle = await open(path, 'wx');
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Creates `path` with all of `text` in it, in one step: written beside, then linked, which fails where a file is already.
 * @returns whether it was this call that created it
 */
export async function createWhole(
  path: string,
  text: string,
  options: { synced?: boolean } = {},
): Promise<boolean> {
  const beside = join(dirname(path), `.${randomName()}`);
  try {
    await (options.synced === true ? writeSynced(beside, text) : writeFile(beside, text, { flag: 'wx' }));
    await link(beside, path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(beside, { force: true });
  }
}

/**
 * Renames a folder onto a name that must be free.
 * @returns false where something is there already; an empty folder is replaced
 */
export async function renameOntoFree(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOTEMPTY' || codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

/** A regular file below a folder. */
export interface FoundFile {
  /** Relative, with forward slashes. */
  path: string;
  bytes: number;
  /** Whole milliseconds. */
  modified: number;
}

/**
 * Every regular file below `folder`, sorted by path; files and folders are synced on the way, so that a list of them
 * written after this never names bytes that a power cut can take. (`folder` itself is the caller's to sync, after its list.)
 * @throws Error on anything that is neither file nor folder: a link's target may change after publication
 */
export async function syncTree(folder: string): Promise<FoundFile[]> {
  const found: FoundFile[] = [];
  const visit = async (below: string): Promise<void> => {
    for (const entry of await readdir(join(folder, below), { withFileTypes: true })) {
      const path = below === '' ? entry.name : `${below}/${entry.name}`;
      if (entry.isDirectory()) {
        await visit(path);
        await sync(join(folder, path));
      } else if (entry.isFile()) {
        await sync(join(folder, path));
        const { size, mtimeMs } = await stat(join(folder, path));
        found.push({ path, bytes: size, modified: Math.floor(mtimeMs) });
      } else
        throw new Error(
          `${join(folder, path)} is neither a file nor a folder; only those can be kept in the store`,
        );
    }
  };
  await visit('');
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** The entries of a folder; none where there is no such folder. */
export async function entriesOf(folder: string): Promise<Dirent[]> {
  return (await unlessGone(readdir(folder, { withFileTypes: true }))) ?? [];
}

/** Names of the folders in a folder; files that strayed there are nobody's business. */
export async function foldersIn(folder: string): Promise<string[]> {
  return (await entriesOf(folder)).filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

/** The result of an operation on something that another process may have moved away first: undefined where it has. */
export async function unlessGone<T>(operation: Promise<T>): Promise<T | undefined> {
  try {
    return await operation;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
