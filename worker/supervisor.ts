/** @file The supervisor process of a `.temper/` folder: runs the server and the workers, restarts what dies. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { EnvironmentError, messageOf } from '../base/errors.js';
import { entryPoint } from '../base/folders.js';
import { searchAttributeTypes } from '../workflows/search-attributes.js';
import { cpuSlots } from './devices.js';
import { endProcess } from './processes.js';
import { startServer, type LocalServer } from './server.js';
import { lockFolder, runningSupervisor, writeRecord, type SupervisorOptions } from './supervisor-record.js';
import type { WorkerOptions } from './worker-options.js';

/** What died is started again after so long; longer the oftener it dies soon after its start. */
const restartMilliseconds = 500;
const restartAtMostMilliseconds = 15_000;
const idleCheckSeconds = 15;
/** What a worker may take to save its checkpoint and end; killed, it loses the steps since the last one. */
const stopMilliseconds = 5_000;
const lockPollMilliseconds = 200;

const options = JSON.parse(process.argv[2] ?? '') as SupervisorOptions;
const namespace = 'default';
const closing = new AbortController();
const closed = new Promise<void>((resolve) => closing.signal.addEventListener('abort', () => resolve()));

for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => closing.abort());

function say(line: string): void {
  process.stdout.write(`${new Date().toISOString()} ${line}\n`);
}

try {
  await mkdir(options.folder, { recursive: true });
  await supervise();
} catch (error) {
  say(messageOf(error));
  await writeRecord(options.folder, {
    pid: process.pid,
    store: options.store,
    state: 'failed',
    error: messageOf(error),
    environment: error instanceof EnvironmentError,
  });
  process.exitCode = 3;
}
// Temporal's client may hold sockets to a server that is gone.
process.exit();

async function supervise(): Promise<void> {
  const unlock = await takeLock();
  if (unlock === undefined) return say('another supervisor runs; nothing to do');
  await writeRecord(options.folder, { pid: process.pid, store: options.store, state: 'starting' });
  const start = () =>
    startServer({ folder: options.folder, log: say, searchAttributes: searchAttributeTypes });
  const first = await Promise.race([start(), closed]);
  // Told to close before it was open: what has begun to start ends with this process.
  if (first === undefined) return unlock();
  await ready(first);
  const server = keepServer(first, start);
  const workers = workersFor(first).map(keepWorker);
  await Promise.race([untilIdle(first.address), server.over, ...workers]);
  closing.abort();
  say('closing');
  // Who comes now waits for the end and starts another.
  await writeRecord(options.folder, { pid: process.pid, store: options.store, state: 'closed' });
  // The workers first, since they tell the server where they stopped.
  await Promise.all(workers);
  say('the workers have ended');
  await server.stop();
  say('the server has ended');
  await unlock();
}

/** Undefined where another supervisor runs. The lock of one that was killed is waited for until it is stale. */
async function takeLock(): Promise<(() => Promise<void>) | undefined> {
  for (;;) {
    const unlock = await lockFolder(options.folder, (error) => {
      // Another process took the lock, because this one was stopped or starved for too long.
      say(`lost the lock: ${error.message}`);
      closing.abort();
    });
    if (unlock !== undefined) return unlock;
    if ((await runningSupervisor(options.folder)) !== undefined || closing.signal.aborted) return undefined;
    await sleep(lockPollMilliseconds);
  }
}

async function ready(server: LocalServer): Promise<void> {
  await writeRecord(options.folder, {
    pid: process.pid,
    store: options.store,
    state: 'ready',
    address: server.address,
    ui: server.uiAddress,
  });
  say(`ready: server ${server.address}, UI ${server.uiAddress}`);
}

function workersFor(server: LocalServer): WorkerOptions[] {
  const common = { address: server.address, namespace, store: options.store, folder: options.folder };
  return [
    { ...common, role: 'orchestrator', label: 'orchestrator', device: 'cpu', threads: 1 },
    ...cpuSlots(options.cores).map((slot) => ({ ...common, role: 'compute' as const, ...slot })),
  ];
}

/** A server that is started again, at its address, whenever it ends: until `stop`. */
interface KeptServer {
  /** Fulfilled when it was stopped; rejects where it could not be kept. */
  readonly over: Promise<void>;
  stop(): Promise<void>;
}

function keepServer(first: LocalServer, start: () => Promise<LocalServer>): KeptServer {
  let server = first;
  let stopping = false;
  const keep = async (): Promise<void> => {
    for (;;) {
      const how = await server.exited;
      if (stopping) return;
      say(`the Temporal server ended and is started again: ${how.split('\n').at(0) ?? ''}`);
      server = await start();
      if (stopping) return server.stop();
      if (server.address !== first.address) {
        // The workers know the old address: everything starts anew under the new one.
        throw new EnvironmentError(
          `the Temporal server came back at ${server.address} instead of ${first.address}`,
        );
      }
      await ready(server);
    }
  };
  const over = keep();
  const stop = async (): Promise<void> => {
    stopping = true;
    await server.stop();
    await over;
  };
  return { over, stop };
}

async function keepWorker(worker: WorkerOptions): Promise<void> {
  let pause = restartMilliseconds;
  while (!closing.signal.aborted) {
    const child = startWorker(worker);
    const started = Date.now();
    const exited = new Promise<string>((resolve) => {
      child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
      child.once('error', (error) => resolve(error.message));
    });
    const stop = (): void => void endProcess(child.pid!, exited, stopMilliseconds);
    closing.signal.addEventListener('abort', stop, { once: true });
    const how = await exited;
    closing.signal.removeEventListener('abort', stop);
    if (closing.signal.aborted) return;
    pause =
      Date.now() - started > 30_000 ? restartMilliseconds : Math.min(pause * 2, restartAtMostMilliseconds);
    say(`${worker.label} (pid ${child.pid}) ended (${how}); started again in ${pause} ms`);
    await sleep(pause, undefined, { signal: closing.signal }).catch(() => undefined);
  }
}

function startWorker(worker: WorkerOptions): ChildProcess {
  return spawn(process.execPath, [entryPoint('worker/main'), JSON.stringify(worker)], {
    stdio: ['pipe', 'inherit', 'inherit'],
    env: { ...process.env, TEMPER_LIFELINE: '1' },
  });
}

/** Returns when the supervisor is told to close, or when no workflow has been open for a while. */
async function untilIdle(address: string): Promise<void> {
  let idleSince = Date.now();
  while (!closing.signal.aborted) {
    await sleep(idleCheckSeconds * 1000, undefined, { signal: closing.signal }).catch(() => undefined);
    if (closing.signal.aborted) return;
    if (await anythingOpen(address)) idleSince = Date.now();
    if (Date.now() - idleSince > options.idleMinutes * 60_000) {
      return say(`nothing has run for ${options.idleMinutes} minutes`);
    }
  }
}

async function anythingOpen(address: string): Promise<boolean> {
  try {
    const connection = await Connection.connect({ address, connectTimeout: '5 seconds' });
    try {
      const { count } = await new Client({ connection, namespace }).workflow.count(
        "ExecutionStatus='Running'",
      );
      return count > 0;
    } finally {
      await connection.close();
    }
  } catch {
    // A server that is being restarted does not answer; that is no reason to call it idle.
    return true;
  }
}
