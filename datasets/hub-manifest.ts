/**
 * @file A data set on the hub as a small file: repository, commit, and the files of one split with their hashes. It stands
 * where a path would, so that its digest (and with it the key of whatever is made of the data) says exactly which data;
 * and nothing of this machine is in it, so that the same data has the same key everywhere.
 */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { messageOf, UserError } from '../base/errors.js';
import { canonicalJson } from '../base/json.js';
import { commitPattern, fileSize, repoCache } from '../hub/cache.js';
import { isHubName, openRepository, type RepositoryOptions } from '../hub/repository.js';
import { explain } from '../hub/requests.js';
import { type HubOverrides, hubSettings } from '../hub/settings.js';

const manifestSchema = z.strictObject({
  dataset: z.string().refine(isHubName),
  commit: z.string().regex(commitPattern),
  files: z.array(z.strictObject({ path: z.string(), bytes: z.int(), hash: z.string() })).min(1),
});
export type HubManifest = z.infer<typeof manifestSchema>;

export interface HubOptions extends HubOverrides, RepositoryOptions {}

const extension = '.hub.json';

export const isHubManifest = (path: string): boolean => path.endsWith(extension);

/** Writes a manifest whole, and only where it says something new. */
export async function writeHubManifest(path: string, manifest: HubManifest): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const beside = `${path}.${process.pid}.new`;
  await writeFile(beside, canonicalJson(manifest));
  await rename(beside, path);
}

/** @throws UserError where the file is no manifest */
export async function parseHubManifest(path: string): Promise<HubManifest> {
  try {
    return manifestSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    throw new UserError(
      `${path} does not name files on the hub as Temper writes it (${messageOf(error)}). Delete it; it is made anew.`,
      { cause: error },
    );
  }
}

/**
 * Where this machine has the files of a manifest; those that its cache lacks are downloaded.
 * @throws UserError, EnvironmentError where that cannot be done
 */
export async function readHubManifest(path: string, options: HubOptions = {}): Promise<string[]> {
  return ensureFiles(await parseHubManifest(path), options);
}

/** Brings the files of a manifest into the cache. @returns where they are, in the manifest's order */
export async function ensureFiles(manifest: HubManifest, options: HubOptions = {}): Promise<string[]> {
  const { dataset: name, commit, files } = manifest;
  const settings = await hubSettings(options);
  const repo = { type: 'dataset', name } as const;
  const cache = repoCache(settings.cache, repo);
  const places = files.map((file) => join(cache.snapshot(commit), ...file.path.split('/')));
  const sizes = await Promise.all(places.map(fileSize));
  const missing = files.filter((file, i) => sizes[i] !== file.bytes);
  if (missing.length === 0) return places;
  if (settings.offline)
    throw new UserError(
      `The cache (${cache.blobs}) lacks ${missing.map((file) => file.path).join(', ')} of ${name} at ${commit}, and ` +
        'HF_HUB_OFFLINE keeps Temper from asking the hub. Download it once with a network.',
    );
  try {
    const repository = await openRepository(cache, repo, commit, settings, options);
    for (const { path } of missing) await repository.get(path);
  } catch (error) {
    throw explain(error, settings, repo, commit);
  }
  return places;
}
