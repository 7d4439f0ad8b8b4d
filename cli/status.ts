/** @file `temper status [SWEEP]`: what runs, how far it is, what each device does. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import Table from 'cli-table3';
import { loadPlan } from '../activities/plans.js';
import { progressQuery, type Progress } from '../workflows/messages.js';
import { workerStates } from '../worker/worker-options.js';
import { contextOf, type CommandContext } from './context.js';
import { note, print, printJson, warn } from './output.js';
import { latestPlan } from './latest-results.js';
import { findService, pageOf, type Service } from './service.js';
import { activity, Watch } from './watch.js';

interface StatusOptions {
  readonly json?: boolean;
  readonly watch?: boolean;
}

export function registerStatus(program: Command): void {
  program
    .command('status')
    .argument('[sweep]', 'name of a sweep')
    .description('what runs and how far it is')
    .option('--watch', 'look again every two seconds until Ctrl-C')
    .option('--json', 'print as JSON')
    .action(async (sweep: string | undefined, options: StatusOptions, command: Command) => {
      const context = contextOf(command);
      const service = await findService(context);
      if (service === undefined) note(`no local server runs for ${context.folder} (temper up starts it)`);
      try {
        do {
          await (sweep === undefined
            ? listSweeps(service, options)
            : showSweep(sweep, service, context, options));
          if (options.watch === true) await sleep(2_000);
        } while (options.watch === true);
      } finally {
        await service?.close();
      }
    });
}

async function listSweeps(service: Service | undefined, options: StatusOptions): Promise<void> {
  const sweeps: { name: string; status: string; started: string; closed: string | null }[] = [];
  if (service !== undefined) {
    for await (const run of service.client.workflow.list({ query: 'WorkflowType="sweep"' })) {
      const name = run.workflowId.replace(/^sweep\//, '');
      if (sweeps.some((known) => known.name === name)) continue;
      sweeps.push({
        name,
        status: run.status.name.toLowerCase(),
        started: run.startTime.toISOString(),
        closed: run.closeTime?.toISOString() ?? null,
      });
    }
  }
  if (options.json === true) return printJson(sweeps);
  if (sweeps.length === 0) return print('no sweeps');
  const table = new Table({ head: ['sweep', 'status', 'started', 'ended'], style: { head: [], border: [] } });
  for (const { name, status, started, closed } of sweeps) table.push([name, status, started, closed ?? '']);
  print(table.toString());
}

async function showSweep(
  sweep: string,
  service: Service | undefined,
  context: CommandContext,
  options: StatusOptions,
): Promise<void> {
  const store = await context.openStore();
  const plan = await loadPlan(store, await latestPlan(store, sweep));
  const { standing } = await Watch.begin(store, plan, context.folder);
  for (const damage of standing.setAside) warn(damage);
  const run = service === undefined ? undefined : await describe(service, sweep);
  const workers = await workerStates(context.folder);
  if (options.json === true) {
    return printJson({
      sweep,
      status: run?.status ?? 'unknown',
      plan: plan.digest,
      stages: standing.stages,
      published: standing.cached,
      failed: standing.failed,
      progress: run?.progress ?? null,
      workers,
    });
  }
  print(
    `${sweep}: ${run?.status ?? 'no server to ask'}; ${standing.cached} of ${standing.stages} stages published, ${standing.failed} failed`,
  );
  if (service?.ui !== undefined) print(pageOf(service.ui, context.namespace, `sweep/${sweep}`));
  for (const worker of workers) if (worker.role === 'compute') print(activity(worker));
  for (const failure of run?.progress?.failures ?? []) print(`failed: ${failure}`);
}

async function describe(
  service: Service,
  sweep: string,
): Promise<{ status: string; progress: Progress | null }> {
  const handle = service.client.workflow.getHandle(`sweep/${sweep}`);
  const { status } = await handle.describe();
  // A query needs a worker; a closed workflow has said all in its result.
  const progress = status.name === 'RUNNING' ? await handle.query(progressQuery) : null;
  return { status: status.name.toLowerCase(), progress };
}
