/** @file Where things lie in a store's folder. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { ArtifactRef } from './manifest.js';

/** The version of everything below. A store of a newer layout is refused; an older one would be migrated here. */
export const layoutVersion = 1;

/** Names at the top of a store. */
export const areas = ['artifacts', 'drafts', 'checkpoints', 'leases', 'damaged', 'logs'] as const;
export type Area = (typeof areas)[number];

/** Written last into an artifact: a folder without it was never published. */
export const manifestName = 'manifest.json';

export const storeFile = (root: string): string => join(root, 'store.json');
export const areaFolder = (root: string, area: Area): string => join(root, area);
export const kindFolder = (root: string, kind: string): string => join(root, 'artifacts', kind);
export const artifactFolder = (root: string, ref: ArtifactRef): string =>
  join(root, 'artifacts', ref.kind, ref.key);
export const checkpointsFolder = (root: string, ref: ArtifactRef): string =>
  join(root, 'checkpoints', ref.key);
export const leaseFolder = (root: string, ref: ArtifactRef): string => join(root, 'leases', ref.key);
export const logFolder = (root: string, ref: ArtifactRef): string => join(root, 'logs', ref.kind, ref.key);

/** A name that no other process picks. */
export const randomName = (): string => randomBytes(12).toString('hex');

/** A kind and a key become folder names, so neither may hold a separator or climb out of the store. */
export function checkRef(ref: ArtifactRef): ArtifactRef {
  if (!/^[a-z][a-z0-9-]*$/.test(ref.kind))
    throw new TypeError(`"${ref.kind}" is no stage kind: lower-case letters, digits and - only`);
  if (!/^[0-9a-f]{64}$/.test(ref.key))
    throw new TypeError(`"${ref.key}" is no stage key: 64 hexadecimal digits (sha256) expected`);
  return ref;
}
