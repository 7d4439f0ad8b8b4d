/** @file Before the first test that starts processes: dist/ is up to date, and all share one Temporal CLI. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { cacheFolder, packageRoot } from '../base/folders.js';
import { findTemporalCli } from '../worker/temporal-cli.js';

export async function setup(): Promise<void> {
  execFileSync(process.execPath, [join(packageRoot(), 'setup/ready.mjs')], { stdio: 'inherit' });
  const { path } = await findTemporalCli({ cacheFolder: cacheFolder(), log: console.error });
  process.env['TEMPORAL_CLI_PATH'] = path;
}
