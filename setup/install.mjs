/** @file The locked dependencies: whether they are installed, and installing them. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Failure } from './say.mjs';

/**
 * Whether node_modules is what package-lock.json says. npm keeps the answer itself: it writes
 * node_modules/.package-lock.json last, once everything is in place.
 */
export function isInstalled(root) {
  const hidden = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(hidden)) return false;
  const wanted = packagesOf(join(root, 'package-lock.json'));
  const present = packagesOf(hidden);
  return Object.entries(wanted).every(([path, { version, integrity, optional }]) => {
    const found = present[path];
    // Optional packages are those of other platforms.
    if (path === '' || (optional && !found)) return true;
    return found?.version === version && found.integrity === integrity;
  });
}

function packagesOf(lockfile) {
  return JSON.parse(readFileSync(lockfile, 'utf8')).packages;
}

/** `npm ci` without install scripts: none is needed, and onnxruntime-node's would download the CUDA libraries. */
export function install(root) {
  const npm = npmCommand();
  const { status, error } = spawnSync(npm[0], [...npm.slice(1), 'ci', '--ignore-scripts', '--no-audit'], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (error?.code === 'ENOENT')
    throw new Failure(
      'npm is not on the PATH.',
      'install Node.js from https://nodejs.org (npm comes with it)',
    );
  if (status !== 0)
    throw new Failure(
      `npm could not install the dependencies (exit ${status}); its own message is above.`,
      'check the network or the registry that npm uses, then run: npm ci --ignore-scripts',
    );
}

/** The npm that runs us, where one does, so that a chosen version stays the chosen one. */
function npmCommand() {
  const running = process.env['npm_execpath'];
  return running && basename(running) === 'npm-cli.js' ? [process.execPath, running] : ['npm'];
}
