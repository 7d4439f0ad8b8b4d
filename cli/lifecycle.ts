/** @file `temper up | down | cancel | worker`: what runs in the background. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { WorkflowNotFoundError } from '@temporalio/client';
import type { Command } from 'commander';
import { EnvironmentError, UserError } from '../base/errors.js';
import { entryPoint } from '../base/folders.js';
import { runningSupervisor, stopSupervisor } from '../worker/supervisor-record.js';
import type { WorkerOptions, WorkerRole } from '../worker/worker-options.js';
import { contextOf } from './context.js';
import { note, print } from './output.js';
import { defaultSupervisor, findService, startService } from './service.js';

export function registerLifecycle(program: Command): void {
  registerUpDown(program);
  registerCancel(program);
  registerWorker(program);
}

function registerUpDown(program: Command): void {
  program
    .command('up')
    .description('start the local server, its UI and the workers')
    .option('--idle <minutes>', 'close when nothing has run for so long', Number)
    .option('--cores <count>', 'processors that the workers share', Number)
    .action(async (options: { idle?: number; cores?: number }, command: Command) => {
      const service = await startService(contextOf(command), {
        idleMinutes: options.idle ?? defaultSupervisor.idleMinutes,
        ...(options.cores === undefined ? {} : { cores: options.cores }),
      });
      print(`server ${service.address}`);
      if (service.ui !== undefined) print(`UI ${service.ui}`);
      await service.close();
    });
  program
    .command('down')
    .description('end the local server and the workers; running sweeps go on when they are started again')
    .action(async (_: object, command: Command) => {
      const { folder } = contextOf(command);
      note((await stopSupervisor(folder)) ? 'all ended' : `nothing runs for ${folder}`);
    });
}

function registerCancel(program: Command): void {
  program
    .command('cancel')
    .argument('<sweep>', 'name of a sweep')
    .description('end a sweep; what it has finished is kept')
    .action(async (sweep: string, _: object, command: Command) => {
      const context = contextOf(command);
      const service = await findService(context);
      if (service === undefined)
        throw new EnvironmentError(`no local server runs for ${context.folder}; nothing to cancel`);
      try {
        const handle = service.client.workflow.getHandle(`sweep/${sweep}`);
        await handle.cancel();
        while ((await handle.describe()).status.name === 'RUNNING') await sleep(200);
        print(`${sweep}: ${(await handle.describe()).status.name.toLowerCase()}`);
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) throw new UserError(`no sweep named ${sweep} is running`);
        throw error;
      } finally {
        await service.close();
      }
    });
}

function registerWorker(program: Command): void {
  program
    .command('worker')
    .description('run a worker in the foreground, for a server elsewhere or one more slot here')
    .option('--role <role>', 'orchestrator or compute', 'compute')
    .option('--device <device>', 'cpu or cpu:<threads>', 'cpu')
    .action(async (options: { role: string; device: string }, command: Command) => {
      const context = contextOf(command);
      const role = roleNamed(options.role);
      const threads = threadsOf(options.device);
      const local = await runningSupervisor(context.folder);
      const address = context.server ?? (local?.state === 'ready' ? local.address : undefined);
      if (address === undefined)
        throw new UserError(
          'no server to work for: name one with --server, or start the local one with temper up',
        );
      const worker: WorkerOptions = {
        role,
        address,
        namespace: context.namespace,
        store: context.storePath,
        folder: context.folder,
        label: role === 'orchestrator' ? `orchestrator-${process.pid}` : `cpu:${process.pid}`,
        device: 'cpu',
        threads,
      };
      const child = spawn(process.execPath, [entryPoint('worker/main'), JSON.stringify(worker)], {
        stdio: ['pipe', 'inherit', 'inherit'],
        env: { ...process.env, TEMPER_LIFELINE: '1' },
      });
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill('SIGTERM'));
      note(`${worker.label} works for ${address}; Ctrl-C ends it`);
      const [code] = (await once(child, 'exit')) as [number | null];
      process.exitCode = code ?? 0;
    });
}

function roleNamed(name: string): WorkerRole {
  if (name === 'orchestrator' || name === 'compute') return name;
  throw new UserError(`--role ${name}: expected orchestrator or compute`);
}

function threadsOf(device: string): number {
  const match = /^cpu(?::(\d+))?$/.exec(device);
  if (match === null) throw new UserError(`--device ${device}: expected cpu or cpu:<threads>, such as cpu:4`);
  return match[1] === undefined ? availableParallelism() : Number(match[1]);
}
