/** @file Who holds a lease or writes a draft, and whether that process still lives. */
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { codeOf } from '../base/errors.js';

/** A process, so named that no later process can be taken for it. */
export interface Owner {
  readonly host: string;
  readonly pid: number;
  /** The boot and the clock tick in which it started; "unknown" where the system does not tell. */
  readonly processStarted: string;
  /** What a person calls it: "cpu:0". */
  readonly label: string;
}

const unknown = 'unknown';

const bootId = readIfThere('/proc/sys/kernel/random/boot_id')?.slice(0, 8) ?? unknown;

// Two containers may share a host's name and a store, but not their process numbers: the PID namespace tells them apart.
const thisHost = `${hostname().replace(/[^A-Za-z0-9-]/g, '_')}-${pidNamespace()}`;

/** This process as an owner. */
export function thisProcess(label: string): Owner {
  return ownerOf(process.pid, label);
}

/** A process of this host as an owner. */
export function ownerOf(pid: number, label: string): Owner {
  return { host: thisHost, pid, processStarted: processState(pid).started, label };
}

/**
 * Whether an owner is known to be gone: it was on this host, and its process is no more, is a zombie, or is another one
 * under a reused number. Of other hosts nothing is known, so their owners count as living.
 */
export function isDead(owner: Pick<Owner, 'host' | 'pid' | 'processStarted'>): boolean {
  if (owner.host !== thisHost) return false;
  const { alive, started } = processState(owner.pid);
  if (!alive) return true;
  return started !== unknown && owner.processStarted !== unknown && started !== owner.processStarted;
}

/** `started` tells apart two processes that had the same number, also across a reboot. */
function processState(pid: number): { alive: boolean; started: string } {
  const stat = readIfThere(`/proc/${pid}/stat`);
  if (stat === undefined) return { alive: respondsToSignals(pid), started: unknown };
  // "pid (name) state …": the name may hold spaces and parentheses, so fields are counted from the last ")".
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, ticks] = [fields[0], fields[19]]; // fields 3 and 22 of proc(5)
  return { alive: state !== 'Z' && state !== 'X', started: `${bootId}-${ticks}` };
}

function respondsToSignals(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM'; // it is there, and someone else's
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ESRCH' || codeOf(error) === 'EACCES')
      return undefined;
    throw error;
  }
}

function pidNamespace(): string {
  try {
    return /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '';
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return ''; // not Linux, or /proc is hidden: the host's name has to do
  }
}
