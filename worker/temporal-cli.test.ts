import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EnvironmentError } from '../base/errors.js';
import { packageRoot } from '../base/folders.js';
import {
  findTemporalCli,
  isAtLeast,
  parseVersions,
  pinnedVersion,
  type TemporalCli,
} from './temporal-cli.js';

/** The CLI that all tests share (test/ready.ts). */
const realCli = process.env['TEMPORAL_CLI_PATH'] ?? '';

let home: string;
let cache: string;
let bin: string;
let said: string[];

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'temper-cli-'));
  cache = join(home, 'cache');
  bin = join(home, 'bin');
  await mkdir(bin);
  said = [];
});

afterEach(() => rm(home, { recursive: true }));

/** A machine whose PATH has only what a test puts there, and whose network is down. */
function find(env: NodeJS.ProcessEnv = {}): Promise<TemporalCli> {
  const offline = { HTTPS_PROXY: 'http://127.0.0.1:1', https_proxy: 'http://127.0.0.1:1' };
  return findTemporalCli({
    cacheFolder: cache,
    log: (line) => said.push(line),
    env: { HOME: home, PATH: bin, ...offline, ...env },
  });
}

async function program(path: string, script: string): Promise<string> {
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
  return path;
}

const versionLine = (cli: string, server: string) =>
  `echo "temporal version ${cli} (Server ${server}, UI 2.50.1)"`;

describe('finding the Temporal CLI', () => {
  it('takes the one it is told', async () => {
    expect(await find({ TEMPORAL_CLI_PATH: realCli })).toMatchObject({
      path: realCli,
      how: 'TEMPORAL_CLI_PATH',
    });
  });

  it('does not look further when the one it is told is not there', async () => {
    await symlink(realCli, join(bin, 'temporal'));
    const finding = find({ TEMPORAL_CLI_PATH: '/nowhere/temporal' });
    await expect(finding).rejects.toThrow(EnvironmentError);
    await expect(finding).rejects.toThrow(/\/nowhere\/temporal does not exist[^]*unset TEMPORAL_CLI_PATH/);
  });

  it.each([
    ['exit 1', '--version failed'],
    ['echo Temporal 1', "which is not a Temporal CLI's answer"],
    [
      versionLine('1.1.0', '1.25.0'),
      'is version 1.1.0 (server 1.25.0); Temper needs 1.5.0 (server 1.29.0) or newer',
    ],
  ])('says what is wrong with a CLI that does: %s', async (script, complaint) => {
    const path = await program(join(bin, 'other'), script);
    await expect(find({ TEMPORAL_CLI_PATH: path })).rejects.toThrow(complaint);
  });

  it('prefers the PATH to the cache, and the cache to a PATH whose version is too old', async () => {
    const cached = join(cache, 'temporal-cli', pinnedVersion, 'temporal');
    await mkdir(join(cached, '..'), { recursive: true });
    await symlink(realCli, cached);
    await program(join(bin, 'temporal'), versionLine('1.1.0', '1.25.0'));
    expect(await find()).toMatchObject({ path: cached, how: "Temper's cache" });
    await program(join(bin, 'temporal'), versionLine('1.6.1', '1.30.1'));
    expect(await find()).toEqual({ path: join(bin, 'temporal'), version: '1.6.1', how: 'the PATH' });
  });

  it('names each place and why it has none, and one way to go on', async () => {
    const error: unknown = await find().catch((reason: unknown) => reason);
    if (!(error instanceof EnvironmentError)) throw new Error('it should have failed');
    const lines = error.message.split('\n');
    expect(lines).toHaveLength(7);
    expect(lines[0]).toBe('Temper needs the Temporal CLI and found none:');
    expect(lines[1]).toContain('the PATH: no "temporal" in any of its folders');
    expect(lines[2]).toContain(`Temper's cache: ${cache}`);
    expect(lines[3]).toMatch(/the SDK's download: .*(download|request)/i);
    expect(lines[4]).toContain('a build with Go: there is no "go" on the PATH');
    expect(lines[5]).toContain('To go on: ');
  });

  it('leaves nothing behind in the cache when it fails', async () => {
    await program(
      join(bin, 'go'),
      'if [ "$1" = version ]; then echo go version go1.26.8 x; else echo no space >&2; exit 1; fi',
    );
    await expect(find()).rejects.toThrow('a build with Go: go build failed: no space');
    expect(await readdir(join(cache, 'temporal-cli', pinnedVersion))).toEqual([]);
  });

  it('does not try to build with a Go that is too old', async () => {
    await program(join(bin, 'go'), 'echo go version go1.19.8 linux/amd64');
    await expect(find()).rejects.toThrow('go1.19.8 linux/amd64 is too old');
  });

  it('builds once where two processes want it, with everything that Go writes inside the cache', async () => {
    const calls = join(home, 'calls');
    await program(
      join(bin, 'go'),
      `if [ "$1" = version ]; then echo go version go1.26.8 linux/amd64; exit; fi
       for each in "$GOPATH" "$GOMODCACHE" "$GOCACHE" "$GOTMPDIR"; do echo "$each" >> ${calls}; done
       /bin/sleep 1
       while [ "$1" != -o ]; do shift; done
       printf '%s\\n' '#!/bin/sh' '${versionLine('1.8.2', '1.31.2')}' > "$2"
       /bin/chmod +x "$2"`,
    );
    const found = await Promise.all([find(), find()]);
    const path = join(cache, 'temporal-cli', pinnedVersion, 'temporal');
    expect(found.map(({ how }) => how).sort()).toEqual(["Temper's cache", 'a build with Go']);
    expect(found.map((each) => each.path)).toEqual([path, path]);
    const written = (await readFile(calls, 'utf8')).trim().split('\n');
    expect(written).toHaveLength(4);
    for (const folder of written) expect(folder.startsWith(`${cache}/`)).toBe(true);
    expect(said.join('\n')).toMatch(/building the Temporal CLI .* about 7 minutes/);
    expect(await readdir(join(path, '..'))).toEqual(['temporal']);
  });

  it('lets the SDK download without ever starting a server', async () => {
    // What the SDK finds under this name it takes for downloaded.
    await program(join(home, `temporal-v${pinnedVersion}`), `echo "$@" > ${home}/arguments`);
    const script = join(packageRoot(), 'setup/download-temporal-cli.mjs');
    await promisify(execFile)(process.execPath, [script, home, `v${pinnedVersion}`]);
    expect(await readFile(join(home, 'arguments'), 'utf8')).toMatch(/--help\n$/);
  });
});

describe('versions', () => {
  it('are read from what the CLI says', () => {
    expect(parseVersions('temporal version 1.8.2 (Server 1.31.2, UI 2.50.1)')).toEqual({
      cli: '1.8.2',
      server: '1.31.2',
    });
    expect(parseVersions('temporal version 0.0.0-DEV (Server 1.29.1, UI 2.42.1)')).toEqual({
      cli: '0.0.0-DEV',
      server: '1.29.1',
    });
    expect(parseVersions('temporal 1')).toBeUndefined();
  });

  it('compare by number', () => {
    expect(isAtLeast('1.10.0', '1.9.9')).toBe(true);
    expect(isAtLeast('1.5.0', '1.5.0')).toBe(true);
    expect(isAtLeast('1.30.0-149.0', '1.29.0')).toBe(true);
    expect(isAtLeast('1.4.9', '1.5.0')).toBe(false);
  });
});
