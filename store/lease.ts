/**
 * @file Leases: who computes a stage now.
 *
 * A lease is a chain of numbered records in `leases/<key>/`, and the newest one counts. Taking, renewing, taking over and
 * releasing are one and the same step: creating the next number, whole and only if it is free. So of two that try, one
 * wins; a process killed in the middle has either made the step or not; and nobody can act on a record that is no longer
 * the newest.
 */
import { randomUUID } from 'node:crypto';
import { statSync } from 'node:fs';
import { readFile, rm, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { codeOf } from '../base/errors.js';
import { createWhole, entriesOf, foldersIn, makeFolder, unlessGone } from './durable.js';
import { LeaseLost, withStoreErrors } from './errors.js';
import { areaFolder, leaseFolder } from './layout.js';
import type { ArtifactRef } from './manifest.js';
import { isDead, type Owner } from './owner.js';

export interface Lease {
  /** Names this holder's checkpoints; nobody else has the same. */
  readonly token: string;
  /** Milliseconds since 1970; later with every renewal. */
  readonly expiresAt: number;
  /** Holds on for another term. @throws LeaseLost where another has taken over */
  renew(): Promise<void>;
  /** Lets go, so that the next can take it at once. What was lost before is left alone. */
  release(): Promise<void>;
}

/** The answer where another holds it. */
export interface Held {
  readonly heldBy: Owner;
  readonly expiresAt: number;
}

const recordSchema = z.object({
  token: z.string(),
  owner: z.object({ host: z.string(), pid: z.int(), processStarted: z.string(), label: z.string() }),
  expiresAt: z.number(),
  released: z.boolean(),
});
type LeaseRecord = z.infer<typeof recordSchema>;

/** The newest record; number 0 stands before the first. */
interface Newest {
  number: number;
  record?: LeaseRecord;
}

const defaultSeconds = 20;

/** How old the end of a lease must be for its records to be swept. */
const sweptAfterDays = 1;

export function isLease(answer: Lease | Held): answer is Lease {
  return 'token' in answer;
}

/** Takes the lease of a stage: free, released, expired, or its owner dead on this host. Otherwise says who holds it. */
export async function takeLease(
  root: string,
  ref: ArtifactRef,
  owner: Owner,
  { seconds = defaultSeconds }: { seconds?: number } = {},
): Promise<Lease | Held> {
  const folder = leaseFolder(root, ref);
  return withStoreErrors(folder, async () => {
    const token = randomUUID();
    for (;;) {
      const { number, record } = await newestRecord(folder);
      if (record !== undefined && isHeld(record))
        return { heldBy: record.owner, expiresAt: record.expiresAt };
      const mine = { token, owner, expiresAt: Date.now() + seconds * 1000, released: false };
      if (await addRecord(folder, number + 1, mine)) return holdLease(folder, number + 1, mine, seconds);
      // Another was faster: see who it is.
    }
  });
}

/** The token of the lease in force on a stage, if there is one. */
export async function currentToken(root: string, ref: ArtifactRef): Promise<string | undefined> {
  const { record } = await newestRecord(leaseFolder(root, ref));
  return record !== undefined && isHeld(record) ? record.token : undefined;
}

function holdLease(folder: string, first: number, taken: LeaseRecord, seconds: number): Lease {
  let number = first;
  let record = taken;
  const step = async (next: LeaseRecord): Promise<boolean> => {
    const added = await withStoreErrors(folder, () => addRecord(folder, number + 1, next));
    if (added) {
      number++;
      record = next;
    }
    return added;
  };
  // One step at a time: two renewals at once would take each other for a stranger.
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const result = last.then(work, work);
    last = result.catch(() => undefined); // whoever asked for that step has its error
    return result;
  };
  return {
    token: taken.token,
    get expiresAt() {
      return record.expiresAt;
    },
    renew: () =>
      inTurn(async () => {
        if (record.released)
          throw new LeaseLost(`the lease ${folder} was released and cannot be renewed; take it again`);
        if (!(await step({ ...record, expiresAt: Date.now() + seconds * 1000 })))
          throw new LeaseLost(
            `the lease ${folder} was taken over after it expired; another worker computes this stage now`,
          );
      }),
    release: () =>
      inTurn(async () => {
        if (!record.released) await step({ ...record, released: true });
      }),
  };
}

function isHeld(record: LeaseRecord): boolean {
  return !record.released && record.expiresAt > Date.now() && !isDead(record.owner);
}

/**
 * Adds the record after number − 1. Who comes late, when that number has been used and cleaned up again, finds newer ones
 * and takes its own back; two of them are always kept for that.
 * @returns whether the record is now the newest
 */
async function addRecord(folder: string, number: number, record: LeaseRecord): Promise<boolean> {
  const path = join(folder, String(number));
  await makeFolder(folder);
  try {
    if (!(await createWhole(path, JSON.stringify(record)))) return false;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false; // the folder was swept this very moment
    throw error;
  }
  const numbers = await recordNumbers(folder);
  if (Math.max(...numbers) > number) {
    await unlessGone(unlink(path));
    return false;
  }
  for (const old of numbers) if (old < number - 1) await unlessGone(unlink(join(folder, String(old))));
  return true;
}

async function newestRecord(folder: string): Promise<Newest> {
  for (;;) {
    const number = Math.max(0, ...(await recordNumbers(folder)));
    if (number === 0) return { number };
    try {
      return {
        number,
        record: recordSchema.parse(JSON.parse(await readFile(join(folder, String(number)), 'utf8'))),
      };
    } catch (error) {
      if (codeOf(error) === 'ENOENT') continue; // two steps further since the folder was listed
      if (error instanceof SyntaxError || error instanceof z.ZodError) return { number }; // cut short by a power cut: free
      throw error;
    }
  }
}

async function recordNumbers(folder: string): Promise<number[]> {
  const names = (await entriesOf(folder)).map(({ name }) => name);
  return names.filter((name) => /^[1-9]\d*$/.test(name)).map(Number);
}

/** Removes the records of leases that ended long ago. @returns how many leases there were */
export async function sweepLeases(root: string): Promise<number> {
  const before = Date.now() - sweptAfterDays * 86_400_000;
  let swept = 0;
  for (const name of await foldersIn(areaFolder(root, 'leases'))) {
    const folder = join(areaFolder(root, 'leases'), name);
    // The folder's time is that of the last step, so that of thousands only the old ones need be read.
    const stats = statSync(folder, { throwIfNoEntry: false });
    if (stats === undefined || stats.mtimeMs > before) continue;
    const { record } = await newestRecord(folder);
    if (record !== undefined && (isHeld(record) || record.expiresAt > before)) continue;
    await rm(folder, { recursive: true, force: true });
    swept++;
  }
  return swept;
}
