/**
 * @file The hub's cache as Python's huggingface_hub lays it out, so that each finds what the other has downloaded:
 *
 *   models--owner--name/refs/<branch or tag>          the commit's hash
 *   models--owner--name/blobs/<sha256 or git's sha1>  the bytes
 *   models--owner--name/snapshots/<commit>/<path>     a relative link to the blob
 *   datasets--owner--name/…                           likewise
 */
import { randomBytes } from 'node:crypto';
import { copyFile, mkdir, readdir, readFile, rename, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { getRepoFolderName } from '@huggingface/hub';
import { codeOf } from '../base/errors.js';

export const commitPattern = /^[0-9a-f]{40}$/;

/** A repository on the hub. */
export interface Repo {
  readonly type: 'model' | 'dataset';
  /** `owner/name` */
  readonly name: string;
}

export interface RepoCache {
  readonly blobs: string;
  readonly locks: string;
  snapshot(commit: string): string;
  /** The commit that a branch or tag stood for when it was last looked up; a commit stands for itself. */
  commitOf(revision: string): Promise<string | undefined>;
  setRef(revision: string, commit: string): Promise<void>;
  /** Paths of a snapshot's files whose blobs are there, with `/`. */
  files(commit: string): Promise<string[]>;
  /** Makes `path` of a snapshot stand for a blob. */
  point(commit: string, path: string, blob: string): Promise<void>;
}

export function repoCache(cache: string, repo: Repo): RepoCache {
  const folder = getRepoFolderName(repo);
  const root = join(cache, folder);
  const snapshot = (commit: string) => join(root, 'snapshots', commit);
  const blobs = join(root, 'blobs');
  return {
    blobs,
    locks: join(cache, '.locks', folder),
    snapshot,
    async commitOf(revision) {
      if (commitPattern.test(revision)) return revision;
      const text = await whenThere(readFile(join(root, 'refs', ...revision.split('/')), 'utf8'));
      return text?.trim();
    },
    async setRef(revision, commit) {
      if (commitPattern.test(revision)) return;
      await atomically(join(root, 'refs', ...revision.split('/')), (path) => writeFile(path, commit));
    },
    async files(commit) {
      const top = snapshot(commit);
      const entries = (await whenThere(readdir(top, { recursive: true }))) ?? [];
      const sizes = await Promise.all(entries.map((entry) => fileSize(join(top, entry))));
      return entries
        .filter((_, i) => sizes[i] !== undefined)
        .map((entry) => entry.split(sep).join('/'))
        .sort();
    },
    async point(commit, path, blob) {
      const pointer = join(snapshot(commit), ...path.split('/'));
      const target = join(blobs, blob);
      await atomically(pointer, async (temporary) => {
        try {
          await symlink(relative(dirname(pointer), target), temporary);
        } catch (error) {
          // Windows lets only some people make links; a copy is what Python's client falls back on, too.
          if (codeOf(error) !== 'EPERM' && codeOf(error) !== 'ENOTSUP') throw error;
          await copyFile(target, temporary);
        }
      });
    },
  };
}

/** The size of what a path leads to, through links; undefined where there is no file. */
export async function fileSize(path: string): Promise<number | undefined> {
  const found = await whenThere(stat(path));
  return found?.isFile() === true ? found.size : undefined;
}

/** Something beside `path`, renamed to it when it is complete: others see the old or the new. */
async function atomically(path: string, make: (temporary: string) => Promise<void>): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  await make(temporary);
  await rename(temporary, path);
}

async function whenThere<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found;
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}
