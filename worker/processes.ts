/** @file Other processes by their number: whether one runs, whether it is the one that is meant, and ending it. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { codeOf } from '../base/errors.js';

/**
 * Whether process `pid` runs and its command line contains `mark`: a number alone may have gone to another program
 * since it was written down.
 */
export async function isRunning(pid: number, mark: string): Promise<boolean> {
  return (await commandLine(pid)).includes(mark);
}

/** Arguments joined by spaces; empty when there is no such process (a zombie has no command line). */
async function commandLine(pid: number): Promise<string> {
  if (process.platform !== 'linux') {
    return promisify(execFile)('ps', ['-o', 'args=', '-p', String(pid)]).then(
      ({ stdout }) => stdout,
      // ps fails when there is none.
      () => '',
    );
  }
  try {
    return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ');
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ESRCH') return '';
    throw error;
  }
}

/** SIGTERM, and SIGKILL where `exited` has not come true after `timeoutMs`. */
export async function endProcess(pid: number, exited: Promise<unknown>, timeoutMs: number): Promise<void> {
  signal(pid, 'SIGTERM');
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<'timeout'>((settle) => {
    timer = setTimeout(() => settle('timeout'), timeoutMs);
  });
  const outcome = await Promise.race([exited, timeout]).finally(() => clearTimeout(timer));
  if (outcome === 'timeout') signal(pid, 'SIGKILL');
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    // Gone already: what was wanted.
    if (codeOf(error) !== 'ESRCH') throw error;
  }
}
