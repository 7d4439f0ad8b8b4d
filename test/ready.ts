/** @file Before the first test that starts processes: dist/ is up to date, and all share one Temporal CLI. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { cacheFolder, packageRoot } from '../base/folders.js';
import { findTemporalCli } from '../worker/temporal-cli.js';

export async function setup(): Promise<void> {
  const bootstrap = join(packageRoot(), 'setup/bootstrap.mjs');
  // Type errors are reported by test/style.test.ts; the code is there all the same.
  spawnSync(process.execPath, [bootstrap, 'build'], { stdio: 'inherit' });
  const { path } = await findTemporalCli({ cacheFolder: cacheFolder(), log: console.error });
  process.env['TEMPORAL_CLI_PATH'] = path;
}
