/** @file The newest results of a sweep in a store, and its report where people find it. */
import { copyFile, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { loadPlan } from '../activities/plans.js';
import { publishReport } from '../activities/report.js';
import { collectResults } from '../activities/results.js';
import { UserError } from '../base/errors.js';
import type { Results } from '../report/results.js';
import type { Store } from '../store/store.js';
import type { CommandContext } from './context.js';

/** What the store holds of a sweep's newest plan (or of `planKey`), methods compared with `against`, and the folder of its report. */
export async function latestResults(
  store: Store,
  sweep: string,
  planKey?: string,
  against?: string,
): Promise<{ results: Results; folder: string }> {
  const key = planKey ?? (await latestPlan(store, sweep));
  const plan = await loadPlan(store, key);
  const options = against === undefined ? {} : { against };
  const results = await collectResults(store, plan, 'command line', options);
  const { report } = await publishReport(store, results, 'command line');
  const artifact = await store.read({ kind: 'report', key: report });
  return { results, folder: dirname(artifact.path('index.html')) };
}

/** Key of the newest plan of that name in the store. */
export async function latestPlan(store: Store, sweep: string): Promise<string> {
  const plans = (await store.list({ kind: 'plan' })).flatMap((listed) =>
    'damage' in listed ? [] : [listed],
  );
  const named = plans.filter((plan) => plan.title === `plan of ${sweep}`);
  const newest = named.sort((a, b) => b.finished.localeCompare(a.finished))[0];
  if (newest !== undefined) return newest.ref.key;
  const known = [...new Set(plans.map((plan) => plan.title.replace('plan of ', '')))].sort();
  throw new UserError(
    `no sweep named ${sweep} in ${store.root}; ` +
      (known.length === 0 ? 'none has been run there yet' : `there are: ${known.join(', ')}`),
  );
}

/** Copies the report's files to `<folder>/reports/<sweep>/`; returns the page. */
export async function copyReport(artifact: string, sweep: string, context: CommandContext): Promise<string> {
  const folder = join(context.folder, 'reports', sweep);
  await mkdir(folder, { recursive: true });
  for (const file of ['index.html', 'results.json', 'trials.csv']) {
    await copyFile(join(artifact, file), join(folder, file));
  }
  return join(folder, 'index.html');
}
