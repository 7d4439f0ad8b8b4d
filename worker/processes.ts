/** @file Other processes by their number: whether one runs, whether it is the one that is meant, and ending it. */
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
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

export interface RunningProcess {
  readonly pid: number;
  /** Its arguments, joined by spaces. */
  readonly command: string;
}

/**
 * Every process whose command line contains `mark`. Temper's processes are all started with the path of their
 * `.temper/` folder, so that it finds a folder's whole family.
 */
export async function processesWith(mark: string): Promise<RunningProcess[]> {
  if (process.platform !== 'linux') {
    const { stdout } = await promisify(execFile)('ps', ['-axww', '-o', 'pid=,args=']);
    return stdout.split('\n').flatMap((line) => {
      const [, pid, command] = /^\s*(\d+) (.*)$/.exec(line) ?? [];
      return pid !== undefined && command?.includes(mark) === true ? [{ pid: Number(pid), command }] : [];
    });
  }
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const all = await Promise.all(pids.map(async (pid) => ({ pid, command: await commandLine(pid) })));
  return all.filter(({ command }) => command.includes(mark));
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
