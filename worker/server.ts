/** @file The embedded Temporal server: started, made ready, found again at its old address, and never left behind. */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import getPort, { clearLockedPorts, portNumbers } from 'get-port';
import { EnvironmentError } from '../base/errors.js';
import { cacheFolder } from '../base/folders.js';
import { prepareNamespace, type SearchAttributes } from './namespace.js';
import { endProcess, isRunning } from './processes.js';
import { findTemporalCli, type TemporalCli } from './temporal-cli.js';

export interface ServerOptions {
  /** The project's `.temper/`: the database, the log and the ports are kept in it. */
  folder: string;
  /** Told what is worth telling a person: another port, another version, a server that was left behind. */
  log: (line: string) => void;
  searchAttributes?: SearchAttributes;
  /** Default: whatever {@link findTemporalCli} finds. */
  cli?: TemporalCli;
}

export interface LocalServer {
  /** gRPC, "127.0.0.1:7233" */
  address: string;
  /** "http://127.0.0.1:8233" */
  uiAddress: string;
  pid: number;
  /** Fulfilled when the process is gone, with how it went and the end of its log. */
  exited: Promise<string>;
  /** Ends it in an orderly way, or, where it does not listen, at once. Fulfilled when the process is gone. */
  stop(): Promise<void>;
}

/** What is remembered in `server.json`, so that a restarted server is where it was. */
interface ServerRecord {
  pid: number;
  port: number;
  uiPort: number;
  cliVersion: string;
}

const host = '127.0.0.1';
const wantedPort = 7233;
const wantedUiPort = 8233;

/** A slow machine with a large database takes its time; a server that dies is noticed at once. */
const readyTimeoutMs = 120_000;
/** Killed, it loses nothing: its database is written ahead. */
const stopTimeoutMs = 4_000;

/**
 * Starts the server of a folder on loopback and returns when it answers, its namespace keeps closed workflows for
 * 90 days and knows the search attributes. Its process dies with this one, even where this one is killed.
 *
 * The caller sees to it that a folder has one server (the supervisor's lock); one that a killed process left behind
 * is ended first.
 *
 * @throws EnvironmentError when there is no Temporal CLI, when the server dies (with the end of its log) or does not
 * answer, or when a search attribute exists with another type.
 */
export async function startServer(options: ServerOptions): Promise<LocalServer> {
  const folder = resolve(options.folder);
  await mkdir(folder, { recursive: true });
  const cli = options.cli ?? (await findTemporalCli({ cacheFolder: cacheFolder(), log: options.log }));
  const before = readRecord(folder);
  if (before) await endLeftOver(before, folder, options.log);
  if (before && before.cliVersion !== cli.version)
    options.log(
      `the database in ${folder} was last used by Temporal CLI ${before.cliVersion}; this is ${cli.version}`,
    );

  // Between looking for a free port and taking it somebody else may: then look again.
  for (let attempt = 1; ; attempt++) {
    const ports = await choosePorts(before, options.log);
    const server = launch(cli.path, folder, ports);
    const { pid, exited, stop } = server;
    writeRecord(folder, { pid, ...ports, cliVersion: cli.version });
    const address = `${host}:${ports.port}`;
    try {
      const connection = await untilReady(address, server);
      try {
        await prepareNamespace(connection, {
          retentionDays: 90,
          searchAttributes: options.searchAttributes ?? {},
        });
      } finally {
        await connection.close();
      }
      return { address, uiAddress: `http://${host}:${ports.uiPort}`, pid, exited, stop };
    } catch (error) {
      await stop();
      await exited;
      const portWasTaken = /address already in use/i.test(server.output());
      if (!portWasTaken || attempt === 5) throw error;
      options.log('another program took the port meanwhile; trying the next');
    }
  }
}

/** The ports it had before, else Temporal's usual ones, else the next that are free. */
async function choosePorts(before: ServerRecord | undefined, log: (line: string) => void) {
  const port = await freePort(before?.port ?? wantedPort, wantedPort);
  const uiPort = await freePort(before?.uiPort ?? wantedUiPort, wantedUiPort);
  if (port !== (before?.port ?? wantedPort))
    log(`port ${before?.port ?? wantedPort} is in use by another program; the Temporal server takes ${port}`);
  if (uiPort !== (before?.uiPort ?? wantedUiPort))
    log(
      `port ${before?.uiPort ?? wantedUiPort} is in use by another program; the Temporal UI takes ${uiPort}`,
    );
  return { port, uiPort };
}

async function freePort(first: number, usual: number): Promise<number> {
  // The library holds back, for half a minute, what it has already given: here the same port is wanted again.
  clearLockedPorts();
  return getPort({ host, port: [first, ...portNumbers(usual, usual + 500)] });
}

/**
 * The server as a child whose pid is the server's own. Beside it a shell reads from the pipe that this process
 * holds, and kills the server at its end: that comes when this process is gone, however it went.
 */
const launcher = `
  exec 3<&0
  { while read -r _; do :; done; kill -KILL $$; } <&3 3<&- >/dev/null 2>&1 &
  exec "$@" </dev/null 3<&-
`;

interface ServerProcess extends Pick<LocalServer, 'pid' | 'exited' | 'stop'> {
  /** What it has written so far. */
  output: () => string;
}

function launch(cli: string, folder: string, ports: { port: number; uiPort: number }): ServerProcess {
  const logFile = join(folder, 'server.log');
  keepLogSmall(logFile);
  const logStart = existsSync(logFile) ? statSync(logFile).size : 0;
  const logHandle = openSync(logFile, 'a');
  let child: ChildProcess;
  try {
    child = spawn('/bin/sh', ['-c', launcher, 'temper-server', cli, ...serverArguments(folder, ports)], {
      cwd: folder,
      stdio: ['pipe', logHandle, logHandle],
      // A session of its own: Ctrl-C in a terminal is for its supervisor, who then stops it in order.
      detached: true,
    });
  } finally {
    closeSync(logHandle);
  }
  const output = () => readFileSync(logFile).subarray(logStart).toString('utf8');
  const exited = new Promise<string>((settle) => {
    child.once('error', (error) => settle(`the Temporal server could not be started: ${error.message}`));
    child.once('exit', (code, signal) => {
      const how = signal ? `was ended by ${signal}` : `ended with exit code ${code}`;
      settle(`the Temporal server ${how}; the end of ${logFile}:\n${lastLines(output())}`);
    });
  });
  const { pid } = child;
  if (pid === undefined)
    throw new EnvironmentError('/bin/sh could not be started; is the system out of processes?');
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) await endProcess(pid, exited, stopTimeoutMs);
    await exited;
  };
  return { pid, exited, stop, output };
}

const databaseFile = (folder: string) => join(folder, 'temporal.db');

/** Measured: docs/decisions.md says what each is worth. */
function serverArguments(folder: string, { port, uiPort }: { port: number; uiPort: number }): string[] {
  const dynamicConfig = {
    // Every dispatch waits some 45 ms without it, once the first few workflows are through.
    'history.transferProcessorMaxPollRPS': 1000,
    'system.enableActivityEagerExecution': true,
    // Strict order of priorities needs one partition.
    'matching.numTaskqueueReadPartitions': 1,
    'matching.numTaskqueueWritePartitions': 1,
    'matching.useNewMatcher': true,
    'matching.enableFairness': true,
    // Nothing leaves the machine.
    'frontend.enableServerVersionCheck': false,
  };
  return [
    ...['server', 'start-dev', '--ip', host, '--port', `${port}`, '--ui-ip', host, '--ui-port', `${uiPort}`],
    ...['--db-filename', databaseFile(folder), '--log-level', 'warn'],
    ...['--sqlite-pragma', 'journal_mode=WAL', '--sqlite-pragma', 'synchronous=NORMAL'],
    ...Object.entries(dynamicConfig).flatMap(([key, value]) => ['--dynamic-config-value', `${key}=${value}`]),
  ];
}

/** Waits for the server to serve; its death ends the wait. */
async function untilReady(address: string, server: ServerProcess): Promise<Connection> {
  const deadline = Date.now() + readyTimeoutMs;
  const death = server.exited.then((how) => {
    throw new EnvironmentError(`The Temporal server does not start: ${how}`);
  });
  for (;;) {
    try {
      const connection = await Promise.race([death, tryConnect(address)]);
      await Promise.race([death, untilAnnounced(server)]);
      return connection;
    } catch (error) {
      if (error instanceof EnvironmentError) throw error;
      if (Date.now() > deadline)
        throw new EnvironmentError(
          `The Temporal server at ${address} does not answer after ${readyTimeoutMs / 1000} s (${String(error)}). ` +
            'Is the machine overloaded? Its log is server.log in the .temper folder.',
        );
    }
    await Promise.race([death, sleep(100)]);
  }
}

/**
 * Who answers at the port need not be ours: another server may have taken it a moment before, and ours is about to
 * end. The CLI prints its addresses once it has them; a version that says it in other words is given some seconds to die.
 */
async function untilAnnounced(server: ServerProcess): Promise<void> {
  for (let waited = 0; waited < 100 && !/^(Temporal )?Server:/m.test(server.output()); waited++)
    await sleep(50);
}

async function tryConnect(address: string): Promise<Connection> {
  const connection = await Connection.connect({
    address,
    connectTimeout: '2s',
    // A proxy that the environment names is not for loopback.
    // The library would try again only after a second.
    channelArgs: {
      'grpc.enable_http_proxy': 0,
      'grpc.initial_reconnect_backoff_ms': 50,
      'grpc.max_reconnect_backoff_ms': 200,
    },
  });
  try {
    await connection.workflowService.describeNamespace({ namespace: 'default' });
    return connection;
  } catch (error) {
    await connection.close();
    throw error;
  }
}

/** A server whose parent was killed dies within moments. One that does not is ended, so that no two share a database. */
async function endLeftOver(record: ServerRecord, folder: string, log: (line: string) => void): Promise<void> {
  const isOurs = () => isRunning(record.pid, databaseFile(folder));
  for (let waited = 0; waited < 20 && (await isOurs()); waited++) await sleep(100);
  if (!(await isOurs())) return;
  log(`ending a Temporal server that was left behind (process ${record.pid})`);
  process.kill(record.pid, 'SIGKILL');
  while (await isOurs()) await sleep(50);
}

const recordFile = (folder: string) => join(folder, 'server.json');

function readRecord(folder: string): ServerRecord | undefined {
  const path = recordFile(folder);
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as ServerRecord) : undefined;
}

function writeRecord(folder: string, record: ServerRecord): void {
  const path = recordFile(folder);
  writeFileSync(`${path}.new`, `${JSON.stringify(record, null, 2)}\n`);
  renameSync(`${path}.new`, path);
}

function keepLogSmall(path: string): void {
  if (existsSync(path) && statSync(path).size > 10_000_000) renameSync(path, `${path}.1`);
}

/** The end of a log; of a crash, its reason and not the stacks that follow. */
function lastLines(text: string): string {
  const [untilStacks = ''] = text.split(/^goroutine \d+ /m);
  return untilStacks.trimEnd().split('\n').slice(-15).join('\n');
}
