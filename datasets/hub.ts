/** @file Data sets on the hub: the files of their splits, downloaded once, named by a manifest that stands for a path. */
import { join } from 'node:path';
import { UserError } from '../base/errors.js';
import { cacheFolder } from '../base/folders.js';
import { type RepoCache, repoCache } from '../hub/cache.js';
import { isHubName, isRevision, openRepository } from '../hub/repository.js';
import { explain, HubUnreachable } from '../hub/requests.js';
import { hubSettings, type HubSettings } from '../hub/settings.js';
import {
  ensureFiles,
  type HubManifest,
  type HubOptions,
  parseHubManifest,
  writeHubManifest,
} from './hub-manifest.js';
import { formatOf, type Format } from './rows.js';
import { fileOfPool, type SourceParameters } from './source.js';

export interface FetchOptions extends HubOptions {
  /** Where manifests are kept; default: Temper's cache. */
  readonly manifests?: string;
}

export interface Fetched<P> {
  /** With files in the place of a name on the hub. */
  readonly parameters: P;
  /** Parameter → absolute path. */
  readonly files: Record<string, string>;
}

/**
 * Downloads what a task names on the hub, and puts manifests of it where files would stand. The revision is looked up
 * at every call: what a branch stands for may change, and then the task is another. Undefined where no hub is named.
 *
 * @throws UserError (2) for a name, revision, configuration or split that is not there
 * @throws EnvironmentError (3) where the hub is not reached and the cache does not have it
 */
export async function fetchSource<P extends SourceParameters>(
  p: P,
  options: FetchOptions = {},
): Promise<Fetched<P> | undefined> {
  if (p.hub === undefined) return undefined;
  const { hub: name, revision = 'main', config, split = 'train', ...rest } = p;
  const { 'validation-split': validation, 'test-split': test, ...parameters } = rest;
  if (!isHubName(name) || !isRevision(revision))
    throw new UserError(
      `${name}@${revision} is no name on the hub, which would read owner/name, with a revision.`,
    );
  const wanted = { train: split, ...(validation && { validation }), ...(test && { test }) };
  const files: Record<string, string> = {};
  const hub = await openHub(name, revision, options);
  for (const [pool, hubSplit] of Object.entries(wanted) as ['train' | 'validation' | 'test', string][])
    files[fileOfPool[pool]] = await hub.manifestOf(config, hubSplit);
  await hub.settle();
  return { parameters: { ...(parameters as unknown as P), ...files }, files };
}

interface Hub {
  /** Downloads a split. @returns the path of its manifest */
  manifestOf(config: string | undefined, split: string): Promise<string>;
  settle(): Promise<void>;
}

async function openHub(name: string, revision: string, options: FetchOptions): Promise<Hub> {
  const settings = await hubSettings(options);
  const repo = { type: 'dataset', name } as const;
  const cache = repoCache(settings.cache, repo);
  const folder = options.manifests ?? join(cacheFolder(), 'hub');
  const pathOf = (commit: string, config: string | undefined, split: string): string => {
    const parts = [
      name.replace('/', '--'),
      ...(config === undefined ? [] : [config]),
      split,
      commit.slice(0, 12),
    ];
    return join(folder, `${parts.join('-').replace(/[^\w.-]/g, '_')}.hub.json`);
  };
  const fromCache = (why: string): Promise<Hub> =>
    openCached({ cache, name, revision, why, pathOf, options });
  if (settings.offline) return fromCache('HF_HUB_OFFLINE keeps Temper from asking the hub');
  try {
    const repository = await openRepository(cache, repo, revision, settings, options);
    const { commit, files } = repository;
    return {
      async manifestOf(config, split) {
        const chosen = chooseFiles([...files.keys()], { config, split, where: `${name}@${revision}` });
        const manifest: HubManifest = {
          dataset: name,
          commit,
          files: chosen.flatMap((path) => {
            const file = files.get(path);
            return file === undefined ? [] : [{ path, bytes: file.bytes, hash: file.hash }];
          }),
        };
        await told(ensureFiles(manifest, options), settings, name, revision);
        const path = pathOf(commit, config, split);
        await writeHubManifest(path, manifest);
        return path;
      },
      settle: () => cache.setRef(revision, commit),
    };
  } catch (error) {
    if (error instanceof HubUnreachable) return fromCache(error.message);
    throw explain(error, settings, repo, revision);
  }
}

async function told<T>(
  promise: Promise<T>,
  settings: HubSettings,
  name: string,
  revision: string,
): Promise<T> {
  try {
    return await promise;
  } catch (error) {
    throw explain(error, settings, { type: 'dataset', name }, revision);
  }
}

interface Cached {
  cache: RepoCache;
  name: string;
  revision: string;
  why: string;
  pathOf: (commit: string, config: string | undefined, split: string) => string;
  options: FetchOptions;
}

/** Without the hub: only what was downloaded whole, which is what has a manifest. */
async function openCached({ cache, name, revision, why, pathOf, options }: Cached): Promise<Hub> {
  const commit = await cache.commitOf(revision);
  if (commit === undefined)
    throw new HubUnreachable(
      `${why}\n${name}@${revision} is not in the cache. Download it once with a network.`,
    );
  return {
    async manifestOf(config, split) {
      const path = pathOf(commit, config, split);
      await ensureFiles(await parseHubManifest(path), { ...options, offline: true });
      return path;
    },
    settle: async () => Promise.resolve(),
  };
}

export interface Choice {
  readonly config: string | undefined;
  readonly split: string;
  /** The repository and revision, for messages. */
  readonly where: string;
}

const preferred: readonly Format[] = ['parquet', 'jsonl', 'csv', 'tsv'];
const sameSplit: Readonly<Record<string, readonly string[]>> = {
  validation: ['validation', 'valid', 'val', 'dev'],
};

const knownSplits = ['train', 'test', ...(sameSplit['validation'] ?? [])];

/**
 * The files of one split, by their paths: a folder says the configuration, and a part of the name the split, as in
 * `main/test-00000-of-00001.parquet`, `harmless-base/train.jsonl.gz` and `plain_text/validation/0000.parquet`. Where the
 * same is there in several formats, Parquet comes first.
 *
 * @throws UserError where there is none, or it is not clear which
 */
export function chooseFiles(paths: readonly string[], { config, split, where }: Choice): string[] {
  const data = paths.flatMap((path) => {
    const format = formatHere(path);
    return format === undefined ? [] : [{ path, format, folders: path.split('/').slice(0, -1) }];
  });
  if (data.length === 0)
    throw new UserError(
      `${where} holds no CSV, TSV, JSON Lines or Parquet file. Where the hub has made some itself, they are in ` +
        'revision: refs/convert/parquet.',
    );
  const inConfig = config === undefined ? data : data.filter(({ folders }) => folders.includes(config));
  if (inConfig.length === 0)
    throw new UserError(
      `${where} has no folder "${config}"; it holds ${listed(data.map(({ path }) => path))}.`,
    );
  const names = sameSplit[split] ?? [split];
  const named = inConfig.filter(({ path }) => partsOf(path).some((part) => names.includes(part)));
  // Files that no split is named in are training data, as the hub's own library has it.
  const anySplit = inConfig.some(({ path }) => partsOf(path).some((part) => knownSplits.includes(part)));
  const inSplit = named.length === 0 && split === 'train' && !anySplit ? inConfig : named;
  if (inSplit.length === 0)
    throw new UserError(
      `${where} has no file of split "${split}"; it holds ${listed(inConfig.map(({ path }) => path))}.`,
    );
  const format = preferred.find((each) => inSplit.some((file) => file.format === each));
  const chosen = inSplit.filter((file) => file.format === format);
  const homes = [
    ...new Set(chosen.map(({ folders }) => folders.filter((part) => !names.includes(part)).join('/'))),
  ];
  if (homes.length > 1)
    throw new UserError(
      `${where} has split "${split}" in several folders; say which by config: ${homes.join(' | ')}.`,
    );
  return chosen.map(({ path }) => path).sort();
}

/** "main/test-00000-of-00001.parquet" → main, test, 00000, of, … */
const partsOf = (path: string): string[] => [
  ...path.split('/').slice(0, -1),
  ...basename(path).split(/[-.]/),
  stem(path),
];
const basename = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
const stem = (path: string): string => basename(path).replace(/(-\d+-of-\d+)?\..*$/, '');

function formatHere(path: string): Format | undefined {
  try {
    return formatOf(path);
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

const listed = (paths: readonly string[]): string =>
  paths.slice(0, 12).join(', ') + (paths.length > 12 ? `, … (${paths.length} files)` : '');
