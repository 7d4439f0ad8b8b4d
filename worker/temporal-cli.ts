/** @file Finding the Temporal CLI, whose development server Temper embeds: five places, the cheapest first. */
import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, chmod, mkdir, rename, rm } from 'node:fs/promises';
import { delimiter, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import lockfile from 'proper-lockfile';
import { codeOf, EnvironmentError, messageOf } from '../base/errors.js';
import { packageRoot } from '../base/folders.js';
import { buildTemporalCli } from './temporal-cli-build.js';

/** The version that Temper is tested with, downloads and builds. */
export const pinnedVersion = '1.8.2';

/** What an installed CLI must have at least: priorities, fairness, updates, workflow summaries in its UI. */
const floor = { cli: '1.5.0', server: '1.29.0' };

export interface TemporalCli {
  /** Absolute path of the binary. */
  path: string;
  version: string;
  /** Where it came from: "the PATH", "Temper's cache", … */
  how: string;
}

export interface FindOptions {
  /** The folder that a downloaded or built binary is kept in; see `cacheFolder()`. */
  cacheFolder: string;
  /** Told what is happening, where it takes longer than a moment. */
  log: (line: string) => void;
  env?: NodeJS.ProcessEnv;
}

/** The reason why a place has no CLI to offer. */
class NotHere extends Error {}

/**
 * The Temporal CLI, from `TEMPORAL_CLI_PATH`, the PATH, Temper's cache, the SDK's download, or a build with Go.
 * Two processes at once do not download or build it twice.
 *
 * @throws EnvironmentError that names each place, why it has none, and the command that would help. Where
 * `TEMPORAL_CLI_PATH` is set and wrong, no other place is tried: the user asked for that one.
 */
export async function findTemporalCli(options: FindOptions): Promise<TemporalCli> {
  const env = options.env ?? process.env;
  const cached = join(options.cacheFolder, 'temporal-cli', pinnedVersion, 'temporal');
  const reasons: string[] = [];
  const attempt = (how: string, find: () => Promise<string>) => tryPlace(how, find, reasons);

  if (env['TEMPORAL_CLI_PATH']) {
    const asked = resolve(env['TEMPORAL_CLI_PATH']);
    const found = await attempt('TEMPORAL_CLI_PATH', () => Promise.resolve(asked));
    if (found) return found;
    throw new EnvironmentError(
      `${reasons[0]}\n  To go on: unset TEMPORAL_CLI_PATH, or point it to a Temporal CLI of version ${floor.cli} or newer.`,
    );
  }

  const inCache = () => attempt("Temper's cache", () => Promise.resolve(cached));
  const found = (await attempt('the PATH', () => onPath(env))) ?? (await inCache());
  if (found) return found;

  return await withLock(dirname(cached), options.log, async () => {
    // Whoever had the lock before may have put it there.
    const now = await inCache();
    if (now) return now;
    // The second look at the cache says nothing new.
    reasons.splice(2);
    const made =
      (await attempt("the SDK's download", () => download(cached, env, options.log))) ??
      (await attempt('a build with Go', () =>
        buildTemporalCli({ ...options, env, version: pinnedVersion, target: cached }),
      ));
    if (made) return made;
    throw new EnvironmentError(nowhere(reasons));
  });
}

function nowhere(reasons: string[]): string {
  const install =
    process.platform === 'darwin'
      ? 'brew install temporal'
      : 'curl -sSf https://temporal.download/cli.sh | sh && export TEMPORAL_CLI_PATH=~/.temporalio/bin/temporal';
  return [
    'Temper needs the Temporal CLI and found none:',
    ...reasons.map((reason) => `  - ${reason}`),
    `  To go on: ${install}`,
    '  (or install Go from https://go.dev/dl, and Temper builds it by itself)',
  ].join('\n');
}

/** The CLI that a place offers if its version will do; otherwise undefined, and the reason is noted. */
async function tryPlace(
  how: string,
  find: () => Promise<string>,
  reasons: string[],
): Promise<TemporalCli | undefined> {
  try {
    const path = await find();
    return { path, version: await checkedVersion(path), how };
  } catch (error) {
    reasons.push(`${how}: ${messageOf(error)}`);
    return undefined;
  }
}

async function onPath(env: NodeJS.ProcessEnv): Promise<string> {
  for (const folder of (env['PATH'] ?? '').split(delimiter)) {
    if (folder === '') continue;
    const candidate = resolve(folder, 'temporal');
    if (await isExecutable(candidate)) return candidate;
  }
  throw new NotHere('no "temporal" in any of its folders');
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** The version of the CLI at `path`, if it is one that Temper can work with. */
async function checkedVersion(path: string): Promise<string> {
  try {
    await access(path, constants.X_OK);
  } catch (error) {
    throw new NotHere(codeOf(error) === 'ENOENT' ? `${path} does not exist` : `${path} cannot be executed`);
  }
  const { stdout } = await run(path, ['--version'], { timeout: 30_000 }).catch((error: unknown) => {
    throw new NotHere(`${path} --version failed: ${messageOf(error).trim()}`);
  });
  const versions = parseVersions(stdout);
  if (!versions)
    throw new NotHere(`${path} --version says "${stdout.trim()}", which is not a Temporal CLI's answer`);
  // Builds by hand say 0.0.0-DEV; the server's version still tells what it can do.
  const cliWillDo = versions.cli.startsWith('0.0.0') || isAtLeast(versions.cli, floor.cli);
  if (!cliWillDo || !isAtLeast(versions.server, floor.server))
    throw new NotHere(
      `${path} is version ${versions.cli} (server ${versions.server}); Temper needs ${floor.cli} (server ${floor.server}) or newer`,
    );
  return versions.cli;
}

/** From "temporal version 1.8.2 (Server 1.31.2, UI 2.50.1)". */
export function parseVersions(text: string): { cli: string; server: string } | undefined {
  const match = /version (\d+\.\d+\.\d+\S*) \(Server (\d+\.\d+\.\d+[^,\s)]*)/i.exec(text);
  return match?.[1] && match[2] ? { cli: match[1], server: match[2] } : undefined;
}

/** Compares the three numbers of two versions; a pre-release counts as its release. */
export function isAtLeast(version: string, wanted: string): boolean {
  const numbers = (text: string) => text.split(/[.-]/).slice(0, 3).map(Number);
  const have = numbers(version);
  for (const [i, want] of numbers(wanted).entries()) {
    const difference = (have[i] ?? 0) - want;
    if (difference !== 0) return difference > 0;
  }
  return true;
}

const run = promisify(execFile);

/** The SDK's download, pinned to the version that Temper is tested with, moved to Temper's cache. */
async function download(
  target: string,
  env: NodeJS.ProcessEnv,
  log: (line: string) => void,
): Promise<string> {
  const folder = join(dirname(target), `download-${process.pid}`);
  await mkdir(folder, { recursive: true });
  try {
    log(`downloading the Temporal CLI ${pinnedVersion} (about 50 MB, once)`);
    const script = join(packageRoot(), 'setup/download-temporal-cli.mjs');
    const tag = `v${pinnedVersion}`;
    const { stderr } = await run(process.execPath, [script, folder, tag], { env, timeout: 300_000 });
    const file = join(folder, `temporal-${tag}`);
    if (!(await isExecutable(file))) throw new NotHere(downloadProblem(stderr));
    await chmod(file, 0o755);
    await rename(file, target);
    return target;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The last line of what went wrong, which names the cause. */
function downloadProblem(stderr: string): string {
  const lines = stderr.split('\n').filter((line) => line.trim() !== '');
  return lines.at(-1) ?? 'it ended without the file and without a word';
}

/** One process at a time downloads or builds; the others wait for it and then find its binary. */
async function withLock<T>(folder: string, log: (line: string) => void, work: () => Promise<T>): Promise<T> {
  try {
    await mkdir(folder, { recursive: true });
  } catch (error) {
    throw new EnvironmentError(
      `The cache folder ${folder} cannot be made (${messageOf(error)}).\n  To go on: set TEMPER_CACHE to a folder that can be written.`,
    );
  }
  const waiting = setTimeout(() => log('another process is getting the Temporal CLI; waiting for it'), 1_000);
  const release = await lockfile
    .lock(folder, { stale: 30_000, retries: { forever: true, factor: 1, minTimeout: 500 } })
    .finally(() => clearTimeout(waiting));
  try {
    return await work();
  } finally {
    await release();
  }
}
