/** @file A repository on the hub at one commit: what it holds, and its files in the cache as they are asked for. */
import { join } from 'node:path';
import { datasetInfo, listFiles, modelInfo } from '@huggingface/hub';
import { UserError } from '../base/errors.js';
import { commitPattern, fileSize, type Repo, type RepoCache } from './cache.js';
import { downloadBlob, type RemoteFile } from './download.js';
import { hubFetch, HubUnreachable, type Patience, usualPatience } from './requests.js';
import type { HubSettings } from './settings.js';

export interface Progress {
  readonly file: string;
  readonly received: number;
  readonly total: number;
}

export interface RepositoryOptions {
  /** Called as bytes arrive. */
  readonly onProgress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
  readonly patience?: Patience;
}

export interface Repository {
  /** What the revision stood for when it was asked. */
  readonly commit: string;
  /** By path, with `/`. */
  readonly files: ReadonlyMap<string, RemoteFile>;
  /** Brings a file into the cache, unless it is there, and makes it part of the commit's snapshot. */
  get(path: string): Promise<void>;
}

const hubName = /^[A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*$/;

/** Whether a text can be `owner/name`. */
export const isHubName = (text: string): boolean => hubName.test(text);

/** Whether a text can be a branch, a tag or a commit. */
export const isRevision = (text: string): boolean => text !== '' && !text.split('/').includes('..');

/**
 * Asks the hub which commit a revision is, and what it holds.
 *
 * @throws HubUnreachable where the hub does not answer
 * @throws HubRefusal where it does not give the repository; `explain` says what that means
 */
export async function openRepository(
  cache: RepoCache,
  repo: Repo,
  revision: string,
  settings: HubSettings,
  { patience = usualPatience, onProgress, signal }: RepositoryOptions = {},
): Promise<Repository> {
  const { type, name } = repo;
  const hub = { hubUrl: settings.endpoint, fetch: hubFetch(settings, patience) };
  const asked = { ...hub, name, revision };
  const { sha: commit } =
    type === 'model'
      ? await modelInfo({ ...asked, additionalFields: ['sha'] })
      : await datasetInfo({ ...asked, additionalFields: ['sha'] });
  if (!commitPattern.test(commit))
    throw new HubUnreachable(`${settings.endpoint} does not say which commit ${name}@${revision} is.`);
  const files = new Map<string, RemoteFile>();
  for await (const entry of listFiles({ ...hub, repo, revision: commit, recursive: true })) {
    if (entry.type !== 'file' || !isInside(entry.path)) continue;
    const { path, lfs, oid = '' } = entry;
    const {
      size: bytes,
      hash,
      algorithm,
    } = lfs === undefined
      ? { size: entry.size, hash: oid, algorithm: 'git-sha1' as const }
      : { size: lfs.size, hash: lfs.oid, algorithm: 'sha256' as const };
    files.set(path, { path, bytes, hash, algorithm });
  }
  const prefix = type === 'model' ? '' : 'datasets/';
  return {
    commit,
    files,
    async get(path) {
      const file = files.get(path);
      if (file === undefined)
        throw new UserError(`${name}@${revision} holds no ${path}. Its page lists what it holds.`);
      const pointer = join(cache.snapshot(commit), ...path.split('/'));
      if ((await fileSize(pointer)) === file.bytes) return;
      const address = path.split('/').map(encodeURIComponent).join('/');
      await downloadBlob({
        url: `${settings.endpoint}/${prefix}${name}/resolve/${commit}/${address}`,
        ...{ file, cache, patience, fetch: hub.fetch },
        ...(signal === undefined ? {} : { signal }),
        ...(onProgress === undefined
          ? {}
          : { onProgress: (received) => onProgress({ file: path, received, total: file.bytes }) }),
      });
      await cache.point(commit, path, file.hash);
    },
  };
}

/** A repository names its files itself; none may lead out of the snapshot, on any platform. */
export function isInside(path: string): boolean {
  return !/(^|[/\\])\.\.([/\\]|$)|^[/\\]|\\|(^|\/)[A-Za-z]:/.test(path);
}
