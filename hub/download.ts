/** @file One file of the hub into the cache: begun where an earlier attempt ended, checked, then put in place at once. */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { codeOf, EnvironmentError, messageOf } from '../base/errors.js';
import { fileSize, type RepoCache } from './cache.js';
import { HubRefusal, HubUnreachable, type Patience } from './requests.js';

/** A file as the hub's list has it. */
export interface RemoteFile {
  readonly path: string;
  readonly bytes: number;
  /** sha256 of the bytes of large files, git's sha1 of small ones; also the blob's name in the cache. */
  readonly hash: string;
  readonly algorithm: 'sha256' | 'git-sha1';
}

export interface Download {
  readonly url: string;
  readonly file: RemoteFile;
  readonly cache: RepoCache;
  readonly fetch: typeof fetch;
  readonly patience: Patience;
  /** Called with the bytes that are there, the earlier attempts' included. */
  readonly onProgress?: (received: number) => void;
  readonly signal?: AbortSignal;
}

const staleMs = 20_000;
const lookAgainMs = 100;

/**
 * Brings a file's blob into the cache. Processes that want the same one wait for the first.
 *
 * @throws HubUnreachable when the connection keeps breaking without a byte gained
 * @throws EnvironmentError for wrong bytes, twice, or a disk that takes no more
 */
export async function downloadBlob(download: Download): Promise<void> {
  const { file, cache } = download;
  const blob = join(cache.blobs, file.hash);
  if ((await fileSize(blob)) === file.bytes) return;
  await mkdir(cache.blobs, { recursive: true });
  await mkdir(cache.locks, { recursive: true });
  const lost = new AbortController();
  const release = await lock(blob, join(cache.locks, `${file.hash}.temper.lock`), lost);
  try {
    if ((await fileSize(blob)) === file.bytes) return;
    // Python's client appends to <blob>.incomplete under a lock of the operating system that Node cannot take.
    const partial = `${blob}.temper.incomplete`;
    const signal =
      download.signal === undefined ? lost.signal : AbortSignal.any([download.signal, lost.signal]);
    await fetchVerified({ ...download, signal }, partial);
    await rename(partial, blob);
  } finally {
    if (!lost.signal.aborted) await release();
  }
}

async function lock(blob: string, lockfilePath: string, lost: AbortController): Promise<() => Promise<void>> {
  for (;;) {
    try {
      // Loaded where it is needed: it listens for signals from then on, and a write past a limit would end an executor.
      const { default: lockfile } = await import('proper-lockfile');
      return await lockfile.lock(blob, {
        realpath: false,
        lockfilePath,
        stale: staleMs,
        onCompromised: (error) => lost.abort(error),
      });
    } catch (error) {
      if (codeOf(error) !== 'ELOCKED') throw error;
      await sleep(lookAgainMs);
    }
  }
}

async function fetchVerified(download: Download, partial: string): Promise<void> {
  const { file } = download;
  for (const lastTry of [false, true]) {
    await fetchAll(download, partial);
    const found = await hashOf(partial, file);
    if (found === file.hash) return;
    await rm(partial, { force: true });
    if (lastTry)
      throw new EnvironmentError(
        `${download.url} came with wrong bytes, twice: ${file.algorithm} ${found}, and the hub's list says ${file.hash}. ` +
          'Something on the way changes files (a proxy?); nothing was kept.',
      );
  }
}

async function fetchAll(download: Download, partial: string): Promise<void> {
  const { file, patience, signal } = download;
  for (let failures = 0; ;) {
    const before = (await fileSize(partial)) ?? 0;
    if (before === file.bytes && before > 0) return;
    try {
      await fetchRest(download, partial, before <= file.bytes ? before : 0);
      return;
    } catch (error) {
      if (signal?.aborted === true || !isBroken(error)) throw told(error, download);
      const after = (await fileSize(partial)) ?? 0;
      failures = after > before ? 1 : failures + 1;
      if (failures >= patience.tries)
        throw new HubUnreachable(
          `${download.url}: the connection breaks again and again (${messageOf(error)}), ${after} of ${file.bytes} bytes are kept. ` +
            'The same command goes on from there.',
        );
      await sleep(patience.waitMs * 2 ** (failures - 1));
    }
  }
}

/** A body that ends early or goes on too long. */
class BrokenBody extends Error {}

function isBroken(error: unknown): boolean {
  if (error instanceof HubRefusal || error instanceof EnvironmentError) return false;
  return (
    error instanceof BrokenBody || !['ENOSPC', 'EACCES', 'EROFS', 'EDQUOT'].includes(codeOf(error) ?? '')
  );
}

function told(error: unknown, { file, cache }: Download): unknown {
  if (codeOf(error) === undefined || error instanceof EnvironmentError) return error;
  return new EnvironmentError(
    `${file.path} (${file.bytes} bytes) cannot be written to ${cache.blobs}: ${messageOf(error)}. ` +
      'Make room, or set HF_HUB_CACHE to another folder.',
  );
}

async function fetchRest(
  { url, file, fetch, onProgress, signal }: Download,
  partial: string,
  have: number,
): Promise<void> {
  const range = have > 0 ? { range: `bytes=${have}-` } : undefined;
  // A compressed body would have another length than the list says.
  const headers = { 'accept-encoding': 'identity', ...range };
  let response: Response;
  try {
    response = await fetch(url, { headers, ...(signal === undefined ? {} : { signal }) });
  } catch (error) {
    if (!(error instanceof HubRefusal && error.status === 416)) throw error;
    await rm(partial, { force: true });
    throw new BrokenBody('the server has no bytes from there on');
  }
  // A server that knows no ranges sends the whole file again.
  const goesOn = response.status === 206 && startOf(response) === have;
  if (response.status === 206 && !goesOn) {
    await response.body?.cancel();
    await rm(partial, { force: true });
    throw new BrokenBody('the server sent another range than was asked for');
  }
  let received = goesOn ? have : 0;
  const count = new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      received += chunk.byteLength;
      onProgress?.(received);
      if (received > file.bytes) done(new BrokenBody(`more than the ${file.bytes} bytes of the hub's list`));
      else done(null, chunk);
    },
  });
  const body = Readable.fromWeb(response.body ?? new Blob([]).stream());
  await pipeline(body, count, createWriteStream(partial, { flags: goesOn ? 'a' : 'w' }));
  if (received < file.bytes) throw new BrokenBody(`it ended after ${received} of ${file.bytes} bytes`);
}

function startOf(response: Response): number | undefined {
  const match = /^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '');
  return match === null ? undefined : Number(match[1]);
}

async function hashOf(path: string, { algorithm, bytes }: RemoteFile): Promise<string> {
  const hash = createHash(algorithm === 'sha256' ? 'sha256' : 'sha1');
  if (algorithm === 'git-sha1') hash.update(`blob ${bytes}\0`);
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
