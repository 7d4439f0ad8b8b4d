/** @file What `npm start`, `npm test`, `npm run build`, `chaos` and `bench` do: make ready, then run. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { checkTypes } from './build.mjs';
import { Failure, say } from './say.mjs';
import { makeReady, root } from './ready.mjs';

const commands = {
  /** The quickstart sweep: `npm start -- --set seeds=2` passes its arguments on. */
  async start(args) {
    await makeReady();
    await findServer();
    await runHere('cli/main', ['run', join(root, 'sweeps/quickstart.yaml'), ...args]);
  },

  async build() {
    await makeReady();
    await checkTypes(root);
  },

  /** Kills Temper's processes at random moments and compares the results with an undisturbed run's. */
  async chaos(args) {
    await makeReady();
    await findServer();
    await runHere('bench/chaos', args);
  },

  async bench(args) {
    await makeReady();
    await findServer();
    await runHere('bench/main', args);
  },

  /** All tests, or those that the arguments name: `npm test -- store`. */
  async test(args) {
    let tally = { passed: 0, failed: 1, skipped: 0 };
    try {
      await makeReady();
      await findServer();
      tally = await runTests(args);
    } catch (error) {
      report(error);
    }
    if (tally.failed > 0 && !process.exitCode) process.exitCode = 1;
    const skipped = tally.skipped > 0 ? `, ${tally.skipped} skipped` : '';
    process.stdout.write(`${tally.passed} passed, ${tally.failed} failed${skipped}\n`);
  },
};

/** Runs vitest, and hears from its reporter (test/tally.ts) how many tests there were. */
async function runTests(args) {
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const child = spawn(process.execPath, [vitest, 'run', ...args], {
    cwd: root,
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  });
  let tally = { passed: 0, failed: 1, skipped: 0 };
  child.on('message', (message) => (tally = message));
  const forward = (signal) => child.kill(signal);
  process.on('SIGINT', forward).on('SIGTERM', forward);
  const code = await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
  process.exitCode = code ?? 1;
  // Something went wrong that no test stands for, such as a promise that nobody awaited.
  return code !== 0 && tally.failed === 0 ? { ...tally, failed: 1 } : tally;
}

/** Finds the Temporal CLI while somebody is looking, since building it takes minutes, and tells the children. */
async function findServer() {
  if (process.env['TEMPORAL_ADDRESS']) return;
  const { findTemporalCli } = await import('../dist/worker/temporal-cli.js');
  const { cacheFolder } = await import('../dist/base/folders.js');
  const { path } = await findTemporalCli({ cacheFolder: cacheFolder(), log: say });
  process.env['TEMPORAL_CLI_PATH'] = path;
}

/** Runs a compiled module in this process, as if it had been started with the arguments. */
async function runHere(module, args) {
  const path = join(root, 'dist', `${module}.js`);
  process.argv = [process.argv[0], path, ...args];
  await import(pathToFileURL(path).href);
}

function report(error) {
  process.stderr.write(`${error instanceof Failure ? error.message : (error.stack ?? error)}\n`);
  process.exitCode = error.exitCode ?? 3;
}

const [name, ...args] = process.argv.slice(2);
const command = Object.keys(commands).includes(name) ? commands[name] : undefined;
if (command === undefined) {
  process.stderr.write(`usage: node setup/bootstrap.mjs ${Object.keys(commands).join(' | ')} [arguments]\n`);
  process.exitCode = 2;
} else {
  await command(args).catch(report);
}
