/** @file Where an artifact's files are. */
import { dirname } from 'node:path';
import type { Artifact } from '../store/store.js';

/** The folder of an artifact's files; those of a model folder stand at its top. */
export function folderOf(artifact: Pick<Artifact, 'manifest' | 'path'>): string {
  const [first] = artifact.manifest.files.map(({ path }) => path).filter((path) => !path.includes('/'));
  return dirname(artifact.path(first ?? artifact.manifest.files[0]!.path));
}
