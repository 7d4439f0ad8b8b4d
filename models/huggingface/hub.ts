/** @file A model by the name that people give it: a folder, or `owner/name[@revision]` on the hub. */
import { stat } from 'node:fs/promises';
import { dirname, join, posix, resolve } from 'node:path';
import { listFiles, modelInfo } from '@huggingface/hub';
import { UserError } from '../../base/errors.js';
import { commitPattern, fileSize, type RepoCache, repoCache } from './hub/cache.js';
import { downloadBlob, type RemoteFile } from './hub/download.js';
import { externalFiles } from './hub/external-data.js';
import { explain, hubFetch, HubUnreachable, type Patience, usualPatience } from './hub/requests.js';
import { type OnnxChoice, selectFiles } from './hub/select.js';
import { type HubOverrides, type HubSettings, hubSettings } from './hub/settings.js';

export interface ResolveOptions extends HubOverrides, OnnxChoice {
  /** Branch, tag or commit; instead of `@revision`. Default: main. */
  readonly revision?: string;
  /** Called as bytes arrive. */
  readonly onProgress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
  readonly patience?: Patience;
}

export interface Progress {
  readonly file: string;
  readonly received: number;
  readonly total: number;
}

export interface ResolvedModel {
  /** Absolute: the folder that was named, or the snapshot in the cache. */
  readonly folder: string;
  /** What the revision stood for; on the hub only. */
  readonly commit?: string;
  readonly source: 'local' | 'hub';
  /** Path of the chosen ONNX file in the folder, as openModelFolder takes it; of models on the hub only. */
  readonly file?: string;
  /** Something the caller should tell: that the hub was not asked, and why. */
  readonly notice?: string;
}

const hubName = /^[A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*$/;

/**
 * Finds a model, downloading what of it is not in the hub's cache.
 *
 * @param reference a folder's path, or `owner/name[@revision]`; a folder that exists comes first
 * @throws UserError (2) for a name that is no model, a revision, an ONNX file or an agreement that is missing
 * @throws EnvironmentError (3) where the hub is not reached and the cache does not have it
 */
export async function resolveModel(reference: string, options: ResolveOptions = {}): Promise<ResolvedModel> {
  if (await isFolder(reference)) return { folder: resolve(reference), source: 'local' };
  const at = reference.indexOf('@');
  const name = at < 0 ? reference : reference.slice(0, at);
  const revision = options.revision ?? (at < 0 ? 'main' : reference.slice(at + 1));
  if (!hubName.test(name) || revision === '' || revision.split('/').includes('..'))
    throw new UserError(
      `There is no folder ${reference}, and it is no name on the hub, which would read owner/name or owner/name@revision.`,
    );
  const settings = await hubSettings(options);
  const cache = repoCache(settings.cache, name);
  if (settings.offline)
    return fromCache(cache, {
      name,
      revision,
      options,
      why: 'HF_HUB_OFFLINE keeps Temper from asking the hub',
    });
  try {
    return await fromHub(cache, { name, revision, options, settings });
  } catch (error) {
    if (!(error instanceof HubUnreachable)) throw explain(error, settings, name, revision);
    return await fromCache(cache, { name, revision, options, why: error.message });
  }
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() === true;
}

interface Wanted {
  readonly name: string;
  readonly revision: string;
  readonly options: ResolveOptions;
}

async function fromHub(
  cache: RepoCache,
  { name, revision, options, settings }: Wanted & { settings: HubSettings },
): Promise<ResolvedModel> {
  const patience = options.patience ?? usualPatience;
  const hub = { hubUrl: settings.endpoint, fetch: hubFetch(settings, patience) };
  const { sha: commit } = await modelInfo({ ...hub, name, revision, additionalFields: ['sha'] });
  if (!commitPattern.test(commit))
    throw new HubUnreachable(`${settings.endpoint} does not say which commit ${name}@${revision} is.`);
  const files = new Map<string, RemoteFile>();
  for await (const entry of listFiles({
    ...hub,
    repo: { type: 'model', name },
    revision: commit,
    recursive: true,
  })) {
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
  const { onnx, others } = selectFiles([...files.keys()], options, `${name}@${revision}`);
  const get = async (file: RemoteFile): Promise<void> => {
    const pointer = join(cache.snapshot(commit), ...file.path.split('/'));
    if ((await fileSize(pointer)) === file.bytes) return;
    const url = `${settings.endpoint}/${name}/resolve/${commit}/${file.path.split('/').map(encodeURIComponent).join('/')}`;
    const { signal, onProgress } = options;
    await downloadBlob({
      ...{ url, file, cache, patience, fetch: hub.fetch },
      ...(signal === undefined ? {} : { signal }),
      ...(onProgress === undefined
        ? {}
        : { onProgress: (received) => onProgress({ file: file.path, received, total: file.bytes }) }),
    });
    await cache.point(commit, file.path, file.hash);
  };
  for (const path of [...others, onnx]) await get(files.get(path) as RemoteFile);
  for (const path of await dataOf(cache.snapshot(commit), onnx)) {
    const file = files.get(path);
    if (file === undefined)
      throw new UserError(
        `${name}@${revision}: ${onnx} keeps weights in ${path}, which the repository does not hold. Tell its owner, or name another ONNX file.`,
      );
    await get(file);
  }
  await cache.setRef(revision, commit);
  return { folder: cache.snapshot(commit), commit, source: 'hub', file: onnx };
}

/** Paths in the repository of the files that an ONNX file keeps its weights in. */
async function dataOf(snapshot: string, onnx: string): Promise<string[]> {
  const names = await externalFiles(join(snapshot, ...onnx.split('/')));
  return names.map((file) => posix.normalize(posix.join(dirname(onnx), file)));
}

/** A repository names its files itself; none may lead out of the snapshot, on any platform. */
function isInside(path: string): boolean {
  return !/(^|[/\\])\.\.([/\\]|$)|^[/\\]|\\|(^|\/)[A-Za-z]:/.test(path);
}

async function fromCache(
  cache: RepoCache,
  { name, revision, options, why }: Wanted & { why: string },
): Promise<ResolvedModel> {
  const goOnline = `Download it once with a network and without HF_HUB_OFFLINE.`;
  const commit = await cache.commitOf(revision);
  const paths = commit === undefined ? [] : await cache.files(commit);
  if (commit === undefined || paths.length === 0)
    throw new HubUnreachable(`${why}\n${name}@${revision} is not in the cache (${cache.blobs}). ${goOnline}`);
  if (!paths.some((path) => path.endsWith('.onnx')))
    throw new HubUnreachable(`${why}\nThe cache holds ${name}@${revision} without an ONNX file. ${goOnline}`);
  const { onnx } = selectFiles(paths, options, `The cache's ${name}@${revision}`);
  const missing = ['config.json', ...(await dataOf(cache.snapshot(commit), onnx))].filter(
    (path) => !paths.includes(path),
  );
  if (missing.length > 0)
    throw new HubUnreachable(
      `${why}\nThe cache lacks ${missing.join(', ')} of ${name}@${revision}. ${goOnline}`,
    );
  return {
    folder: cache.snapshot(commit),
    commit,
    source: 'hub',
    file: onnx,
    notice: `${name}@${revision} as it is in the cache, commit ${commit.slice(0, 12)}: ${why}`,
  };
}
