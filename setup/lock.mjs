/** @file A lock between processes in one file, for the time before any dependency is installed. */
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Runs `work` while no other process does under the same path. The file holds its owner's process id, so that
 * what a killed process leaves behind blocks nobody.
 *
 * @template T
 * @param {string} path
 * @param {(owner: number) => void} onWait called once when another process has the lock
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLock(path, onWait, work) {
  mkdirSync(dirname(path), { recursive: true });
  const ticket = `${path}.${process.pid}`;
  writeFileSync(ticket, String(process.pid));
  let told = false;
  try {
    // A hard link appears at once and with its content, or fails because another one is there.
    while (!tryLink(ticket, path)) {
      const owner = ownerOf(path);
      if (owner === undefined) continue;
      if (!isAlive(owner)) {
        removeStale(path, owner);
        continue;
      }
      if (!told) onWait(owner);
      told = true;
      await sleep(200);
    }
  } finally {
    unlinkSync(ticket);
  }
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}

/** @param {string} from @param {string} to */
function tryLink(from, to) {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

/** @param {string} path @returns {number | undefined} undefined when the lock is gone */
function ownerOf(path) {
  try {
    return Number(readFileSync(path, 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/**
 * Takes a dead owner's lock away. Where somebody was faster and the lock is already a living one's, it is put back.
 *
 * @param {string} path @param {number} owner
 */
function removeStale(path, owner) {
  const aside = `${path}.stale.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (error.code === 'ENOENT') return;
    throw error;
  }
  if (ownerOf(aside) !== owner) tryLink(aside, path);
  unlinkSync(aside);
}
