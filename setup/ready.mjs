/** @file From a fresh clone to something that runs: dependencies, then the build, each only when it is not there. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, isBuilt } from './build.mjs';
import { install, isInstalled } from './install.mjs';
import { withLock } from './lock.mjs';
import { Failure, say, step } from './say.mjs';

/** The folder of the project, whatever folder one stands in. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

// ONNX Runtime would write a device's id and an event log beside the user's files, and send them away. Child processes
// inherit the variable.
if (process.env['ORT_DISABLE_TELEMETRY'] === undefined) process.env['ORT_DISABLE_TELEMETRY'] = '1';

/** Installs and builds what is missing or stale; some 50 ms when nothing is. Safe to run twice at once. */
export async function makeReady() {
  checkNode();
  if (isInstalled(root) && isBuilt(root)) return;
  const onWait = (owner) => say(`process ${owner} is installing or building here; waiting for it`);
  await withLock(join(root, 'dist/.setup.lock'), onWait, async () => {
    if (!isInstalled(root))
      await step('installing the locked dependencies with npm ci (0.8 GB on disk; about 1 min, once)', () =>
        install(root),
      );
    if (!isBuilt(root)) await build(root);
  });
}

/** The floor is Temporal's SDK's. */
function checkNode() {
  const wanted = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).engines.node.replace('>=', '');
  const number = (version) => {
    const [major, minor] = version.split('.').map(Number);
    return major * 1000 + minor;
  };
  if (number(process.versions.node) < number(wanted))
    throw new Failure(
      `Temper needs Node.js ${wanted} or newer; this is ${process.versions.node} (${process.execPath}).`,
      'install a newer one from https://nodejs.org or with your version manager: nvm install 22',
    );
}

// Run by itself: what `import` alone must not do.
if (process.argv[1] === fileURLToPath(import.meta.url)) await makeReady();
