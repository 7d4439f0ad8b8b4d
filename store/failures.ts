/** @file Why a stage failed for good, kept beside the artifacts until the stage succeeds after all. */
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../base/errors.js';
import { writeSynced } from './durable.js';
import { withStoreErrors } from './errors.js';
import { randomName } from './layout.js';
import type { ArtifactRef } from './manifest.js';

function pathOf(root: string, { kind, key }: ArtifactRef): string {
  return join(root, 'failures', kind, `${key}.txt`);
}

/** Keeps the last failure of a stage. */
export async function recordFailure(root: string, ref: ArtifactRef, message: string): Promise<void> {
  const path = pathOf(root, ref);
  await withStoreErrors(path, async () => {
    await mkdir(join(root, 'failures', ref.kind), { recursive: true });
    const beside = `${path}.${randomName()}`;
    await writeSynced(beside, message);
    await rename(beside, path);
  });
}

/** Forgets a failure: the stage has been published. */
export async function clearFailure(root: string, ref: ArtifactRef): Promise<void> {
  await withStoreErrors(pathOf(root, ref), () => rm(pathOf(root, ref), { force: true }));
}

/** Why a stage failed for good, or undefined. */
export async function failureOf(root: string, ref: ArtifactRef): Promise<string | undefined> {
  try {
    return await readFile(pathOf(root, ref), 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
