/** @file Where tests find real data that is not in this repository; they skip where it is not there. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../base/folders.js';

/**
 * The path of a file under TEMPER_TEST_DATA (by default a folder `shared/data` beside this repository), or undefined
 * where it is not there: `describe.skipIf(realData('safety/safety.csv') === undefined)`.
 */
export function realData(name: string): string | undefined {
  const folder = process.env['TEMPER_TEST_DATA'] ?? join(packageRoot(), '..', 'shared', 'data');
  const path = join(folder, name);
  if (existsSync(path)) return path;
  console.info(`skipping what needs ${name}: it is not in ${folder} (TEMPER_TEST_DATA)`);
  return undefined;
}
