/** @file `temper results` and `temper report`: what a sweep found, from the store. */
import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { InvalidArgumentError, type Command } from 'commander';
import { UserError } from '../base/errors.js';
import { exportCsv, exportJson, exportParquet } from '../report/export.js';
import { renderTable } from '../report/table.js';
import { contextOf } from './context.js';
import { copyReport, latestResults } from './latest-results.js';
import { note, print } from './output.js';

const formats = ['table', 'json', 'csv', 'parquet'] as const;
type Format = (typeof formats)[number];

export function registerResults(program: Command): void {
  program
    .command('results')
    .argument('<sweep>', 'name of a sweep')
    .description('what a sweep found, so far or in the end')
    .option('--format <format>', formats.join(', '), formatNamed, 'table')
    .option('--against <method>', 'what methods are compared with: a row, or the beginning of its name')
    .option('--out <file>', 'write to a file (parquet needs one)')
    .action(
      async (
        sweep: string,
        options: { format: Format; against?: string; out?: string },
        command: Command,
      ) => {
        const store = await contextOf(command).openStore();
        const { results } = await latestResults(store, sweep, undefined, options.against);
        if (options.format === 'parquet') {
          if (options.out === undefined) throw new UserError('--format parquet needs --out FILE');
          await exportParquet(results, options.out);
          return;
        }
        const text = { table: renderTable, json: exportJson, csv: exportCsv }[options.format](results);
        if (options.out === undefined) print(text);
        else await writeFile(options.out, text);
      },
    );
  program
    .command('report')
    .argument('<sweep>', 'name of a sweep')
    .description('the HTML report of a sweep')
    .option('--against <method>', 'what methods are compared with: a row, or the beginning of its name')
    .option('--open', 'show it in the browser')
    .action(async (sweep: string, options: { open?: boolean; against?: string }, command: Command) => {
      const context = contextOf(command);
      const store = await context.openStore();
      const { folder } = await latestResults(store, sweep, undefined, options.against);
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

function openInBrowser(path: string): void {
  const command = process.platform === 'darwin' ? 'open' : 'xdg-open';
  const child = spawn(command, [path], { detached: true, stdio: 'ignore' });
  child.once('error', () => note(`${command} is not there; open the file yourself`));
  child.unref();
}
