/** @file A model by the name that people give it: a folder, or `owner/name[@revision]` on the hub. */
import { stat } from 'node:fs/promises';
import { dirname, join, posix, resolve } from 'node:path';
import { UserError } from '../../base/errors.js';
import { type RepoCache, repoCache } from '../../hub/cache.js';
import { isHubName, isRevision, openRepository, type RepositoryOptions } from '../../hub/repository.js';
import { explain, HubUnreachable } from '../../hub/requests.js';
import { type HubOverrides, type HubSettings, hubSettings } from '../../hub/settings.js';
import { externalFiles } from './hub/external-data.js';
import { type OnnxChoice, selectFiles } from './hub/select.js';

export type { Progress } from '../../hub/repository.js';

export interface ResolveOptions extends HubOverrides, OnnxChoice, RepositoryOptions {
  /** Branch, tag or commit; instead of `@revision`. Default: main. */
  readonly revision?: string;
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
  if (!isHubName(name) || !isRevision(revision))
    throw new UserError(
      `There is no folder ${reference}, and it is no name on the hub, which would read owner/name or owner/name@revision.`,
    );
  const settings = await hubSettings(options);
  const cache = repoCache(settings.cache, { type: 'model', name });
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
    if (!(error instanceof HubUnreachable)) throw explain(error, settings, { type: 'model', name }, revision);
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
  const repository = await openRepository(cache, { type: 'model', name }, revision, settings, options);
  const { commit, files } = repository;
  const { onnx, others } = selectFiles([...files.keys()], options, `${name}@${revision}`);
  for (const path of [...others, onnx]) await repository.get(path);
  for (const path of await dataOf(cache.snapshot(commit), onnx)) {
    if (!files.has(path))
      throw new UserError(
        `${name}@${revision}: ${onnx} keeps weights in ${path}, which the repository does not hold. Tell its owner, or name another ONNX file.`,
      );
    await repository.get(path);
  }
  await cache.setRef(revision, commit);
  return { folder: cache.snapshot(commit), commit, source: 'hub', file: onnx };
}

/** Paths in the repository of the files that an ONNX file keeps its weights in. */
async function dataOf(snapshot: string, onnx: string): Promise<string[]> {
  const names = await externalFiles(join(snapshot, ...onnx.split('/')));
  return names.map((file) => posix.normalize(posix.join(dirname(onnx), file)));
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
