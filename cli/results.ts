/** @file `temper results` and `temper report`: what a sweep found, from the store. */
import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { InvalidArgumentError, type Command } from 'commander';
import { loadPlan } from '../activities/plans.js';
import { publishReport } from '../activities/report.js';
import { collectResults } from '../activities/results.js';
import { UserError } from '../base/errors.js';
import { exportCsv, exportJson, exportParquet } from '../report/export.js';
import type { Results } from '../report/results.js';
import { renderTable } from '../report/table.js';
import type { Store } from '../store/store.js';
import { contextOf } from './context.js';
import { note, print } from './output.js';
import { copyReport } from './run.js';

const formats = ['table', 'json', 'csv', 'parquet'] as const;
type Format = (typeof formats)[number];

export function registerResults(program: Command): void {
  program
    .command('results')
    .argument('<sweep>', 'name of a sweep')
    .description('what a sweep found, so far or in the end')
    .option('--format <format>', formats.join(', '), formatNamed, 'table')
    .option('--out <file>', 'write to a file (parquet needs one)')
    .action(async (sweep: string, options: { format: Format; out?: string }, command: Command) => {
      const store = await contextOf(command).openStore();
      const { results } = await latestResults(store, sweep);
      if (options.format === 'parquet') {
        if (options.out === undefined) throw new UserError('--format parquet needs --out FILE');
        await exportParquet(results, options.out);
        return;
      }
      const text = { table: renderTable, json: exportJson, csv: exportCsv }[options.format](results);
      if (options.out === undefined) print(text);
      else await writeFile(options.out, text);
    });
  program
    .command('report')
    .argument('<sweep>', 'name of a sweep')
    .description('the HTML report of a sweep')
    .option('--open', 'show it in the browser')
    .action(async (sweep: string, options: { open?: boolean }, command: Command) => {
      const context = contextOf(command);
      const { folder } = await latestResults(await context.openStore(), sweep);
      const path = await copyReport(folder, sweep, context);
      print(path);
      if (options.open === true) openInBrowser(path);
    });
}

function formatNamed(value: string): Format {
  const format = formats.find((known) => known === value);
  if (format === undefined) throw new InvalidArgumentError(`expected one of ${formats.join(', ')}`);
  return format;
}

/** What the store holds of a sweep's newest plan (or of `planKey`), and the folder of its report. */
export async function latestResults(
  store: Store,
  sweep: string,
  planKey?: string,
): Promise<{ results: Results; folder: string }> {
  const key = planKey ?? (await latestPlan(store, sweep));
  const results = await collectResults(store, await loadPlan(store, key), 'command line');
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

function openInBrowser(path: string): void {
  const command = process.platform === 'darwin' ? 'open' : 'xdg-open';
  const child = spawn(command, [path], { detached: true, stdio: 'ignore' });
  child.once('error', () => note(`${command} is not there; open the file yourself`));
  child.unref();
}
