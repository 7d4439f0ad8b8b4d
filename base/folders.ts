/** @file Where things are: the package itself, its compiled entry points, and the folder Temper may cache in. */
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EnvironmentError } from './errors.js';

let root: string | undefined;

/** The folder that holds Temper's package.json, whether this code runs from the sources or from `dist/`. */
export function packageRoot(): string {
  root ??= findPackageRoot(dirname(fileURLToPath(import.meta.url)));
  return root;
}

function findPackageRoot(from: string): string {
  const manifest = join(from, 'package.json');
  if (existsSync(manifest)) {
    const { name } = JSON.parse(readFileSync(manifest, 'utf8')) as { name?: string };
    if (name === 'temper-w2s') return from;
  }
  const parent = dirname(from);
  if (parent === from) throw new EnvironmentError('Temper cannot find its own package.json. Clone it again.');
  return findPackageRoot(parent);
}

/**
 * The compiled file of a process to start: `entryPoint('worker/executor')` → `<root>/dist/worker/executor.js`.
 * Always from `dist/`, since a child process cannot run TypeScript even where its parent (a test) can.
 */
export function entryPoint(module: string): string {
  const path = join(packageRoot(), 'dist', `${module}.js`);
  if (!existsSync(path))
    throw new EnvironmentError(`${path} is not there: Temper is not built. Run: npm run build`);
  return path;
}

/** The compiled workflow code, as workers want it: `workflowBundle: { codePath: workflowBundle() }`. */
export function workflowBundle(): string {
  return entryPoint('workflow-bundle');
}

/**
 * The one folder outside the project that Temper writes to (the Temporal CLI and, where it must be built, Go's
 * caches): `TEMPER_CACHE`, else the platform's place for caches. It may be deleted at any time.
 */
export function cacheFolder(
  env: NodeJS.ProcessEnv = process.env,
  platform: string = process.platform,
): string {
  if (env['TEMPER_CACHE']) {
    if (!isAbsolute(env['TEMPER_CACHE']))
      throw new EnvironmentError(`TEMPER_CACHE must be an absolute path, not "${env['TEMPER_CACHE']}".`);
    return env['TEMPER_CACHE'];
  }
  // The specification of XDG says that relative paths are to be ignored.
  const xdg = env['XDG_CACHE_HOME'];
  if (xdg && isAbsolute(xdg)) return join(xdg, 'temper');
  const home = env['HOME'] ?? homedir();
  return platform === 'darwin' ? join(home, 'Library', 'Caches', 'temper') : join(home, '.cache', 'temper');
}
