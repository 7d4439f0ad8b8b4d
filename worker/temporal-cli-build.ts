/** @file Building the Temporal CLI from its published sources with Go, wholly inside Temper's cache folder. */
import { execFile, spawn } from 'node:child_process';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { codeOf } from '../base/errors.js';

/**
 * A module of our own around the CLI's. `go install …@v1.8.2` is refused since the CLI's go.mod has a `replace`
 * directive; those of a dependency are ignored, so the replacement is repeated here (its version is that of the
 * CLI's own commit).
 */
const goMod = `module temporal-cli
go 1.26.4
tool github.com/temporalio/cli/cmd/temporal
require github.com/temporalio/cli v1.8.2
replace github.com/temporalio/cli/cliext => github.com/temporalio/cli/cliext v0.0.0-20260731000218-c579925f193f
`;

export interface BuildOptions {
  cacheFolder: string;
  version: string;
  /** Where the finished binary is to appear, at once and whole. */
  target: string;
  env: NodeJS.ProcessEnv;
  log: (line: string) => void;
}

/**
 * Builds the pinned CLI and returns its path. Everything Go writes stays inside the cache folder, and may be
 * deleted with it.
 *
 * @throws Error with the reason in one line: no Go, or the last thing that Go said.
 */
export async function buildTemporalCli({
  cacheFolder,
  version,
  target,
  env,
  log,
}: BuildOptions): Promise<string> {
  const module = join(dirname(target), `build-${process.pid}`);
  const temporary = join(module, 'tmp');
  const goEnv = goEnvironment(cacheFolder, temporary, env);
  await mkdir(temporary, { recursive: true });
  try {
    await checkGo(goEnv);
    await writeFile(join(module, 'go.mod'), goMod);
    const binary = join(module, 'temporal');
    const versionFlag = `-X github.com/temporalio/cli/internal/temporalcli.Version=${version}`;
    const flags = ['-mod=mod', '-trimpath', '-ldflags', `-s -w ${versionFlag}`, '-o', binary];
    log(
      `building the Temporal CLI ${version} with Go: once, about 7 minutes on 2 cores, 3.5 GB in ${cacheFolder}`,
    );
    await go(['build', ...flags, 'github.com/temporalio/cli/cmd/temporal'], module, goEnv, log);
    await rename(binary, target);
    return target;
  } finally {
    await rm(module, { recursive: true, force: true });
  }
}

/** Go's settings: the user's own (proxy, private modules), and every place it writes to inside the cache folder. */
function goEnvironment(cacheFolder: string, temporary: string, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const config = env['XDG_CONFIG_HOME'] ?? join(env['HOME'] ?? homedir(), '.config');
  return {
    ...env,
    CGO_ENABLED: '0',
    GOPATH: join(cacheFolder, 'go'),
    GOMODCACHE: join(cacheFolder, 'go/mod'),
    GOCACHE: join(cacheFolder, 'go/build'),
    GOTMPDIR: temporary,
    // Modules are made read-only unless told otherwise, and the cache folder could not be deleted.
    GOFLAGS: `${env['GOFLAGS'] ?? ''} -modcacherw`.trim(),
    // A Go that is older than the module asks for fetches a newer one, into the same cache.
    GOTOOLCHAIN: env['GOTOOLCHAIN'] ?? 'auto',
    // Go keeps counters of its own beside the user's configuration; the configuration itself stays the user's.
    ...(process.platform === 'linux'
      ? { XDG_CONFIG_HOME: join(cacheFolder, 'go/config'), GOENV: env['GOENV'] ?? join(config, 'go/env') }
      : {}),
  };
}

/** Go 1.21 is the first that can fetch a newer Go. */
async function checkGo(env: NodeJS.ProcessEnv): Promise<void> {
  const { stdout } = await promisify(execFile)('go', ['version'], { env }).catch((error: unknown) => {
    throw codeOf(error) === 'ENOENT' ? new Error('there is no "go" on the PATH') : error;
  });
  const [, major, minor] = /go(\d+)\.(\d+)/.exec(stdout) ?? [];
  if (Number(major) * 1000 + Number(minor) < 1021)
    throw new Error(
      `${stdout.trim()} is too old: Go 1.26.4 or newer builds it, and 1.21 or newer can fetch that one`,
    );
}

/** Runs Go, saying now and then that it is still alive. */
async function go(
  args: string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
  log: (line: string) => void,
): Promise<void> {
  const child = spawn('go', args, { cwd, env, stdio: ['ignore', 'ignore', 'pipe'] });
  let last = '';
  let downloads = 0;
  createInterface({ input: child.stderr }).on('line', (line) => {
    if (line.startsWith('go: downloading')) downloads++;
    else if (line.trim() !== '') last = line.trim();
  });
  const started = performance.now();
  const progress = setInterval(() => {
    const minutes = ((performance.now() - started) / 60_000).toFixed(0);
    log(`  still building, ${minutes} min so far; ${downloads} modules fetched`);
  }, 60_000);
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', resolve);
    });
    if (code !== 0) throw new Error(`go build failed: ${last || `exit code ${code}`}`);
  } finally {
    clearInterval(progress);
  }
}
