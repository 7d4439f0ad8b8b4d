/** @file Whether an artifact is what was published: a cheap look for probing many, every byte for reading one. */
import { readFileSync, statSync, type Stats } from 'node:fs';
import { utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf, messageOf } from '../base/errors.js';
import { hashFile } from './durable.js';
import { artifactFolder, manifestName } from './layout.js';
import { parseManifest, type ArtifactRef, type Manifest, type ManifestFile } from './manifest.js';

/** What a look at an artifact found. `inode` names the folder that was looked at, which another may replace meanwhile. */
export type Finding =
  | { state: 'missing' }
  | { state: 'damaged'; reason: string; inode: number }
  | { state: 'sound'; manifest: Manifest; inode: number };

/** Files whose hash this process has checked: path → what it looked like then. */
export type Verified = Map<string, string>;

type Glance = Finding | { state: 'doubtful'; manifest: Manifest; inode: number; files: ManifestFile[] };

/**
 * The manifest of an artifact, `undefined` where there is no artifact. Synchronous: a probe of thousands reads thousands
 * of small files, which takes a quarter or less of the time that the thread pool takes, and its caller yields between slices.
 * @throws Error that says what is wrong with the manifest
 */
export function readManifest(root: string, ref: ArtifactRef): Manifest | undefined {
  const path = join(artifactFolder(root, ref), manifestName);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  return parseManifest(text, ref);
}

/** Manifest and sizes of the files; `suspect` says which files of the right size still have to be hashed. */
export function glance(
  root: string,
  ref: ArtifactRef,
  suspect: (path: string, file: ManifestFile, stats: Stats) => boolean,
): Glance {
  const folder = artifactFolder(root, ref);
  const stats = statSync(folder, { throwIfNoEntry: false });
  if (stats === undefined) return { state: 'missing' };
  const inode = stats.ino;
  try {
    const manifest = readManifest(root, ref);
    if (manifest === undefined) throw new Error('it has no manifest');
    const files = manifest.files.filter((file) => {
      const path = join(folder, file.path);
      const found = statSync(path, { throwIfNoEntry: false });
      if (found === undefined) throw new Error(`${file.path} is missing`);
      if (!found.isFile()) throw new Error(`${file.path} is not a file`);
      if (found.size !== file.bytes)
        throw new Error(`${file.path} has ${found.size} bytes instead of ${file.bytes}`);
      return suspect(path, file, found);
    });
    return files.length === 0
      ? { state: 'sound', manifest, inode }
      : { state: 'doubtful', manifest, inode, files };
  } catch (error) {
    if (isSystemTrouble(error)) throw error;
    return { state: 'damaged', reason: messageOf(error), inode };
  }
}

/** Hashes the doubtful files of a glance. */
export async function settle(
  root: string,
  ref: ArtifactRef,
  seen: Glance,
  verified: Verified,
): Promise<Finding> {
  if (seen.state !== 'doubtful') return seen;
  const { manifest, inode } = seen;
  const folder = artifactFolder(root, ref);
  try {
    for (const file of seen.files) {
      const path = join(folder, file.path);
      const before = statSync(path);
      if ((await hashFile(path)) !== file.sha256)
        throw new Error(`${file.path} has other bytes than were published`);
      await trustAgain(path, file, before, verified);
    }
    return { state: 'sound', manifest, inode };
  } catch (error) {
    if (isSystemTrouble(error)) throw error;
    return { state: 'damaged', reason: messageOf(error), inode };
  }
}

/** A look that hashes only files whose modification time is not the recorded one (a copied store, an edit). */
export function glanceCheaply(root: string, ref: ArtifactRef, verified: Verified): Glance {
  return glance(
    root,
    ref,
    (path, file, stats) => !isUntouched(file, stats) && verified.get(path) !== looks(stats),
  );
}

/** A look that hashes every file, once per process. */
export function inspectFully(root: string, ref: ArtifactRef, verified: Verified): Promise<Finding> {
  const seen = glance(root, ref, (path, _file, stats) => verified.get(path) !== looks(stats));
  return settle(root, ref, seen, verified);
}

/** The cheap look, to its end. */
export function inspectCheaply(root: string, ref: ArtifactRef, verified: Verified): Promise<Finding> {
  return settle(root, ref, glanceCheaply(root, ref, verified), verified);
}

/** Recorded times are whole milliseconds; setting one loses less than that again. */
function isUntouched(file: ManifestFile, stats: Stats): boolean {
  return Math.abs(stats.mtimeMs - file.modified) <= 1;
}

function looks(stats: Stats): string {
  return `${stats.ino}:${stats.size}:${stats.mtimeMs}`;
}

/** Remembers that a file's bytes are right and, where only its time was off, puts that right for every later process. */
async function trustAgain(
  path: string,
  file: ManifestFile,
  hashed: Stats,
  verified: Verified,
): Promise<void> {
  if (!isUntouched(file, hashed)) {
    try {
      await utimes(path, hashed.atimeMs / 1000, file.modified / 1000);
    } catch (error) {
      if (!['EROFS', 'EACCES', 'EPERM'].includes(codeOf(error) ?? '')) throw error;
      // A store that can only be read is hashed again by the next process: slower, and as safe.
    }
  }
  const now = statSync(path);
  if (now.ino === hashed.ino && now.size === hashed.size) verified.set(path, looks(now));
}

/** Troubles of this process or machine, which say nothing about the artifact: it must not be set aside for them. */
export function isSystemTrouble(error: unknown): boolean {
  return ['EMFILE', 'ENFILE', 'ENOMEM', 'EACCES', 'EPERM', 'EAGAIN'].includes(codeOf(error) ?? '');
}
