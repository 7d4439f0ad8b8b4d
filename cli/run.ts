/** @file `temper run FILE`: starts a sweep, or attaches to it, watches it and shows what it found. */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  ServiceError,
  WorkflowExecutionAlreadyStartedError,
  WorkflowFailedError,
  WorkflowNotFoundError,
  type Client,
  type WorkflowHandle,
} from '@temporalio/client';
import { CancelledFailure, TerminatedFailure } from '@temporalio/common';
import type { Command } from 'commander';
import { EnvironmentError, ExitCode, messageOf, UserError } from '../base/errors.js';
import type { Plan } from '../plan/plan.js';
import type { DeviceClass } from '../plan/stage.js';
import type { Store } from '../store/store.js';
import type { SweepInput, SweepOutcome } from '../workflows/messages.js';
import { orchestratorQueue } from '../workflows/queues.js';
import { attributes } from '../workflows/search-attributes.js';
import { collect, contextOf, type CommandContext } from './context.js';
import { counted, note, print, printJson, warn } from './output.js';
import { copyReport, latestResults } from './latest-results.js';
import {
  defaultSupervisor,
  pageOf,
  startService,
  supervisorGone,
  type Service,
  type SupervisorChoices,
} from './service.js';
import { planFile, type PlannedSweep } from './sweep-plan.js';
import { renderTable } from '../report/table.js';
import { displayOn, Watch } from './watch.js';

const pollMilliseconds = 500;
/** Batches open at once; see workflows/sweep.ts. */
const batchesAtOnce = 10;
/** History events after which a workflow continues as new; the server suggests it at 4,096. */
const maximumEvents = 4_000;

interface RunOptions {
  readonly detach?: boolean;
  readonly set: string[];
  readonly json?: boolean;
  readonly idle?: number;
  readonly cores?: number;
}

export function registerRun(program: Command): void {
  program
    .command('run')
    .argument('<file>', 'a sweep file')
    .description('run a sweep, or attach to it when it runs already; Ctrl-C detaches')
    .option('--set <path=value>', 'override a value of the file; may be given again', collect, [])
    .option('--detach', 'start the sweep and return')
    .option('--json', 'print the results as JSON instead of the table')
    .option('--idle <minutes>', 'the local server closes when nothing has run for so long', Number)
    .option('--cores <count>', 'processors that the local workers share', Number)
    .action(async (file: string, options: RunOptions, command: Command) => {
      process.exitCode = await run(file, options, contextOf(command));
    });
}

/** Stages wait for a worker of their device class: without one they would wait for ever. */
function refuseOtherDevices(device: DeviceClass): void {
  if (device === 'cpu') return;
  throw new UserError(
    `device: ${device}: the workers of sweeps compute on the CPU so far, and nobody would take its stages. ` +
      'Leave device out, or say device: cpu. (temper finetune, predict and generate take --device.)',
  );
}

/** Runs a sweep to its end, or until Ctrl-C. */
async function run(file: string, options: RunOptions, context: CommandContext): Promise<ExitCode> {
  const planned = await planFile(file, options.set, context);
  const { sweep, plan } = planned;
  refuseOtherDevices(plan.device);
  const store = await context.openStore({ create: true });
  const { watch, standing } = await Watch.begin(store, plan, context.folder);
  for (const damage of standing.setAside) warn(damage);
  const { stages, cached } = standing;
  const trials = plan.cells.reduce((total, cell) => total + cell.trials.length, 0);
  note(`${sweep.name}: ${counted(trials, 'trial')}, ${counted(stages, 'stage')}, ${cached} of them cached`);

  const choices: SupervisorChoices = {
    idleMinutes: options.idle ?? defaultSupervisor.idleMinutes,
    ...(options.cores === undefined ? {} : { cores: options.cores }),
  };
  let service = await startService(context, choices);
  await startSweep(service.client, planned, store, context);
  const page =
    service.ui === undefined ? undefined : pageOf(service.ui, context.namespace, `sweep/${sweep.name}`);
  if (page !== undefined) note(`Temporal UI: ${page}`);
  const back = comeBack(file, options, context);
  if (options.detach === true) {
    note(`${sweep.name} runs in the background. ${back}`);
    await service.close();
    return ExitCode.done;
  }

  const detach = new AbortController();
  process.once('SIGINT', () => detach.abort());
  const display = displayOn(process.stderr, `${sweep.name}${page === undefined ? '' : ` · ${page}`}`);
  const notes: string[] = [];
  let outcome: SweepOutcome | undefined;
  let result = awaitResult(service, sweep.name);
  while (outcome === undefined && !detach.signal.aborted) {
    const now = await watch.look();
    notes.push(...now.setAside);
    display.show(now, notes);
    const news = await Promise.race([
      result,
      sleep(pollMilliseconds, undefined, { signal: detach.signal }).catch(() => undefined),
    ]);
    if (news?.kind === 'failed') throw news.error;
    if (news?.kind === 'done') {
      outcome = news.outcome;
      continue;
    }
    if (detach.signal.aborted) break;
    const gone = await supervisorGone(context);
    if (gone === 'closed') {
      throw new EnvironmentError(
        `the local server was ended (temper down), and ${sweep.name} waits. ${back}`,
      );
    }
    if (news !== undefined || gone !== undefined) {
      const reason = news?.reason ?? 'its supervisor was killed';
      notes.push(`the Temporal server went away (${reason}); waiting for it`);
      // Its client may be in the middle of another attempt, for which a closed connection is fatal.
      const before = service;
      void result.then(() => before.close());
      service = await reconnect(context, choices, detach.signal);
      notes.push('the Temporal server is back');
      result = awaitResult(service, sweep.name);
    }
  }
  if (outcome !== undefined) display.show(await watch.look(), notes);
  display.end();
  await service.close();
  if (outcome === undefined) {
    note(`detached: ${sweep.name} goes on. ${back}`);
    return ExitCode.done;
  }
  return finish(store, plan, { ...outcome, cached }, options, context, page);
}

function comeBack(file: string, options: RunOptions, context: CommandContext): string {
  const sets = options.set.map((set) => ` --set ${set}`).join('');
  const server = context.server === undefined ? '' : ` --server ${context.server}`;
  return `Come back with: temper run ${file}${sets}${server}   or look with: temper status`;
}

/** Starts the sweep; attaches where the same sweep runs already. */
async function startSweep(
  client: Client,
  { sweep, plan }: PlannedSweep,
  store: Store,
  context: CommandContext,
): Promise<void> {
  const workflowId = `sweep/${sweep.name}`;
  const input: SweepInput = {
    sweep: sweep.name,
    definition: sweep,
    queue: store.id,
    attempts: sweep.limits.attempts,
    trialsAtOnce: Math.max(1, Math.ceil(sweep.limits['trials-at-once'] / batchesAtOnce)),
    maximumEvents,
  };
  const trials = plan.cells.reduce((total, cell) => total + cell.trials.length, 0);
  try {
    await client.workflow.start('sweep', {
      workflowId,
      taskQueue: orchestratorQueue(store.id),
      args: [input],
      memo: { plan: plan.digest, store: context.storePath },
      staticSummary: `${counted(trials, 'trial')}, ${counted(plan.stages.length, 'stage')} on ${plan.device}`,
      staticDetails: `Tasks: ${sweep.tasks.map((task) => task.label).join(', ')}\n\nMethods: ${sweep.methods.map((method) => method.label).join(', ')}`,
      typedSearchAttributes: [
        { key: attributes.sweep, value: sweep.name },
        { key: attributes.status, value: 'running' },
        { key: attributes.trials, value: trials },
      ],
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    const running = await client.workflow.getHandle(workflowId).describe();
    if (running.memo?.['plan'] !== plan.digest) {
      throw new UserError(
        `${sweep.name} is running with another plan (${String(running.memo?.['plan']).slice(0, 12)}, this file's is ` +
          `${plan.digest.slice(0, 12)}). Wait for it, end it with: temper cancel ${sweep.name}, or give this sweep ` +
          'another name (name:). Extending a running sweep (temper extend) is not there yet; what both plans ' +
          'share is computed once in any case.',
      );
    }
    note(`${sweep.name} runs already: attached to it`);
  }
}

type News =
  | { readonly kind: 'done'; readonly outcome: SweepOutcome }
  /** Cancelled, terminated, or broken, in words for people. */
  | { readonly kind: 'failed'; readonly error: unknown }
  /** The server does not answer. */
  | { readonly kind: 'gone'; readonly reason: string };

/** How the sweep ends. Never rejects, since nobody may be listening at that moment. */
async function awaitResult(service: Service, sweep: string): Promise<News> {
  const handle: WorkflowHandle = service.client.workflow.getHandle(`sweep/${sweep}`);
  try {
    return { kind: 'done', outcome: (await handle.result()) as SweepOutcome };
  } catch (error) {
    if (error instanceof ServiceError) return { kind: 'gone', reason: messageOf(error.cause ?? error) };
    return { kind: 'failed', error: inWords(error, sweep) };
  }
}

function inWords(error: unknown, sweep: string): unknown {
  if (error instanceof WorkflowNotFoundError) {
    return new EnvironmentError(
      `the Temporal server knows no ${sweep}: was its database removed? Run the sweep again.`,
    );
  }
  if (!(error instanceof WorkflowFailedError)) return error;
  if (error.cause instanceof CancelledFailure)
    return new UserError(`${sweep} was cancelled; what it had finished is kept`);
  if (error.cause instanceof TerminatedFailure)
    return new UserError(`${sweep} was terminated; what it had finished is kept`);
  return new EnvironmentError(`${sweep} failed: ${messageOf(rootCause(error))}`);
}

function rootCause(error: Error): Error {
  return error.cause instanceof Error ? rootCause(error.cause) : error;
}

/** Waits for a server that went away: a local one is started again by its supervisor, or by us. */
async function reconnect(
  context: CommandContext,
  choices: SupervisorChoices,
  signal: AbortSignal,
): Promise<Service> {
  for (;;) {
    try {
      return await startService(context, choices);
    } catch (error) {
      if (signal.aborted || !(error instanceof EnvironmentError)) throw error;
      await sleep(1_000);
    }
  }
}

async function finish(
  store: Store,
  plan: Plan,
  outcome: SweepOutcome & { readonly cached: number },
  options: RunOptions,
  context: CommandContext,
  page: string | undefined,
): Promise<ExitCode> {
  for (const warning of outcome.warnings) warn(warning);
  const { results, folder } = await latestResults(store, plan.name, outcome.plan);
  if (options.json === true) printJson(results);
  else print(renderTable(results));
  const copied = await copyReport(folder, plan.name, context);
  note(
    outcome.cached === outcome.stages
      ? `all ${outcome.stages} stages cached`
      : `${counted(outcome.computed, 'stage')} computed, ${outcome.cached} were cached`,
  );
  note(`report: ${copied}`);
  if (page !== undefined) note(`Temporal UI: ${page}`);
  if (outcome.failed > 0) warn(`${counted(outcome.failed, 'trial')} failed; the report says why`);
  return outcome.failed > 0 ? ExitCode.someTrialsFailed : ExitCode.done;
}
