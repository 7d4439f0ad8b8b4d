/** @file What the store's tests share: stores in temporary folders, small artifacts, child processes that use the store. */
import { spawn, type ChildProcess } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import typescript from 'typescript';
import { sha256 } from '../base/json.js';
import type { ArtifactRef, Manifest, Publication, Store } from '../store/store.js';

const repository = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Child processes that have not ended; a test that fails half-way leaves some. */
const running = new Set<ChildProcess>();

/** A folder for one test file; `remove` when it is done, which also ends the file's child processes. */
export function temporaryFolder(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'temper-store-'));
  const remove = (): void => {
    for (const child of running) child.kill('SIGKILL');
    rmSync(path, { recursive: true, force: true });
  };
  return { path, remove };
}

/** The address of an artifact that is called `name` in a test. */
export function refTo(name: string, kind = 'label'): ArtifactRef {
  return { kind, key: sha256(name) };
}

export function publication(
  inputs: Manifest['inputs'] = [],
  params: Publication['params'] = {},
): Publication {
  return {
    version: 1,
    params,
    title: 'label B with weak · dialects 3 · seed 0',
    inputs,
    runtime: { temper: '0.1.0', node: process.version },
    made: {
      started: '2026-01-01T00:00:00.000Z',
      finished: '2026-01-01T00:00:01.000Z',
      worker: 'cpu:0',
      attempt: 1,
    },
  };
}

/** Publishes `files` (path → text) under `ref`. */
export async function publish(
  store: Store,
  ref: ArtifactRef,
  files: Record<string, string>,
  inputs: Manifest['inputs'] = [],
): Promise<{ manifest: Manifest; won: boolean }> {
  const draft = await store.draft(ref);
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(draft.folder, path)), { recursive: true });
    await writeFile(join(draft.folder, path), text);
  }
  return draft.publish(publication(inputs));
}

/** How an artifact stands in the manifest of one made from it. */
export function inputFrom(role: string, { kind, key, digest }: Manifest): Manifest['inputs'][number] {
  return { role, kind, key, digest };
}

/**
 * Compiles the store into a folder, so that plain Node runs it in child processes: vitest compiles in its own process only.
 * @returns the folder in which scripts can `import './store/store.js'`
 */
export function compileStore(folder: string): string {
  const target = join(folder, 'compiled');
  for (const room of ['base', 'store']) {
    mkdirSync(join(target, room), { recursive: true });
    for (const name of readdirSync(join(repository, room))) {
      if (!name.endsWith('.ts') || name.endsWith('.test.ts')) continue;
      const { outputText } = typescript.transpileModule(readFileSync(join(repository, room, name), 'utf8'), {
        compilerOptions: { module: typescript.ModuleKind.ESNext, target: typescript.ScriptTarget.ES2022 },
      });
      writeFileSync(join(target, room, name.replace(/\.ts$/, '.js')), outputText);
    }
  }
  writeFileSync(join(target, 'package.json'), '{ "type": "module" }');
  symlinkSync(join(repository, 'node_modules'), join(target, 'node_modules'));
  return target;
}

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  output: string;
}

export interface Child {
  pid: number;
  kill: () => void;
  /** Waits until it has printed something, or has ended. */
  printed: (line: string) => Promise<void>;
  ended: Promise<Ended>;
}

/** Runs a script (its text, a module) beside the compiled store. `shell` may wrap the command. */
export function runScript(
  compiled: string,
  script: string,
  args: string[],
  shell?: (command: string[]) => string[],
): Child {
  const path = join(compiled, `script-${sha256(script).slice(0, 12)}.mjs`);
  writeFileSync(path, script);
  const plain = [process.execPath, path, ...args];
  const [command, ...rest] = shell === undefined ? plain : shell(plain);
  const child = spawn(command ?? '', rest, { stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  child.on('exit', () => running.delete(child));
  let text = '';
  child.stdout.on('data', (data: Buffer) => (text += data.toString()));
  child.stderr.on('data', (data: Buffer) => (text += data.toString()));
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, output: text }));
  });
  return {
    pid: child.pid ?? 0,
    kill: () => child.kill('SIGKILL'),
    printed: (line) =>
      waitUntil(() => text.includes(line) || child.exitCode !== null || child.signalCode !== null),
    ended,
  };
}

/**
 * The opening of a script that dies before every one of its calls to the file system: `crashEverywhere(scenario)` runs
 * `scenario(0)`, `scenario(1)`, … where the n-th never comes back from its n-th call, as far as the disk can tell a crash;
 * after the first that ran to its end, the process prints how many calls that took and kills itself. One process, since
 * starting Node hundreds of times takes minutes.
 */
export const crashScript = `
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
let calls = 0;
let crashAt = Infinity;
let crash;
const count = (object, name) => {
  const call = object[name];
  object[name] = function (...args) {
    if (calls++ !== crashAt) return call.apply(this, args);
    crash();
    return new Promise(() => {});
  };
};
const handle = await fs.promises.open(process.argv[1]);
for (const name of ['sync', 'writeFile', 'close']) count(Object.getPrototypeOf(handle), name);
for (const name of ['open', 'mkdir', 'rename', 'rm', 'link', 'unlink', 'writeFile', 'readFile', 'readdir', 'stat']) count(fs.promises, name);
syncBuiltinESMExports();
async function crashEverywhere(scenario) {
  for (let number = 0; ; number++) {
    [calls, crashAt] = [0, number];
    const crashed = new Promise((resolve) => (crash = () => resolve(true)));
    if (await Promise.race([scenario(number), crashed])) continue;
    process.stdout.write('calls ' + number, () => process.kill(process.pid, 'SIGKILL'));
    await new Promise(() => {});
  }
}
`;

async function waitUntil(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}
