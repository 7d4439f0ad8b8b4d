/** @file What can go wrong with a store, as errors that say which path and what to do. */
import { codeOf, EnvironmentError, messageOf } from '../base/errors.js';
import type { ArtifactRef, SetAside } from './manifest.js';

/** The store has no room left (disk, quota or file-size limit). Nothing published is lost: worth a retry once there is room. */
export class StoreFull extends EnvironmentError {
  override readonly name: string = 'StoreFull';
}

/** Asked to read what was never published, or was set aside since. */
export class ArtifactMissing extends Error {
  override readonly name = 'ArtifactMissing';
  constructor(
    readonly ref: ArtifactRef,
    folder: string,
  ) {
    super(
      `artifact ${ref.kind}/${ref.key} is not in the store (expected at ${folder}); the stage that makes it must run first`,
    );
  }
}

/** An artifact's bytes are not those that were published; it has been moved out of the way and can be made again. */
export class ArtifactDamaged extends Error {
  override readonly name = 'ArtifactDamaged';
  constructor(readonly setAside: SetAside) {
    const { ref, reason, movedTo } = setAside;
    const where = movedTo === undefined ? 'it could not be moved away' : `it was set aside in ${movedTo}`;
    super(
      `artifact ${ref.kind}/${ref.key} is damaged: ${reason}; ${where} and will be made again when it is next needed`,
    );
  }
}

/** Someone else holds the lease by now: stop, and publish nothing that depends on having been alone. */
export class LeaseLost extends Error {
  override readonly name = 'LeaseLost';
}

/** Whether a later attempt can succeed once there is room. */
export function isStoreFull(error: unknown): error is StoreFull {
  return error instanceof StoreFull;
}

/** Runs `work`, which writes below `path`; a full or unwritable disk becomes an error that names the path and what to do. */
export async function withStoreErrors<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw asStoreError(error, path);
  }
}

/** The error that a person is meant to read; an error that has nothing to do with the store is returned as it is. */
export function asStoreError(error: unknown, path: string): unknown {
  if (error instanceof EnvironmentError) return error;
  const at = pathOf(error) ?? path;
  const options = { cause: error };
  switch (codeOf(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
      return new StoreFull(
        `no room to write ${at} (${messageOf(error)}); what is published is safe. Free some space, raise the quota or the file-size limit (ulimit -f), or use another store (--store), then run the same sweep again`,
        options,
      );
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new EnvironmentError(
        `cannot write or read ${at} (${messageOf(error)}); give this user the right to it, or use another store (--store)`,
        options,
      );
    case 'EIO':
      return new EnvironmentError(
        `the disk failed at ${at} (${messageOf(error)}); look at the system's log, and copy the store to another disk if it happens again`,
        options,
      );
    case 'EMFILE':
    case 'ENFILE':
      return new EnvironmentError(
        `too many open files at ${at} (${messageOf(error)}); raise the limit (ulimit -n)`,
        options,
      );
    default:
      return error;
  }
}

function pathOf(error: unknown): string | undefined {
  return error instanceof Error && 'path' in error && typeof error.path === 'string' ? error.path : undefined;
}
