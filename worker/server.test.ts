import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { afterEach, beforeEach, describe, expect, it, onTestFailed } from 'vitest';
import { EnvironmentError } from '../base/errors.js';
import { cacheFolder, entryPoint } from '../base/folders.js';
import { isRunning } from './processes.js';
import { startServer, type LocalServer, type ServerOptions } from './server.js';
import { findTemporalCli } from './temporal-cli.js';

let folder: string;
let said: string[];
let servers: LocalServer[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'temper-server-'));
  said = [];
  servers = [];
});

afterEach(async () => {
  for (const server of servers) await server.stop();
  await rm(folder, { recursive: true });
});

async function start(options: Partial<ServerOptions> = {}): Promise<LocalServer> {
  const server = await startServer({ folder, log: (line) => said.push(line), ...options });
  servers.push(server);
  return server;
}

async function withClient<T>(server: LocalServer, use: (client: Client) => Promise<T>): Promise<T> {
  const connection = await Connection.connect({ address: server.address });
  try {
    return await use(new Client({ connection }));
  } finally {
    await connection.close();
  }
}

const portOf = (address: string) => Number(address.split(':').at(-1));

async function occupy(port: number): Promise<() => Promise<void>> {
  const other = createServer();
  await new Promise<void>((done) => other.listen(port, '127.0.0.1', done));
  return () => new Promise((done) => other.close(() => done()));
}

describe('the embedded server', () => {
  it('answers, serves its UI, and keeps closed workflows for 90 days', async () => {
    const server = await start();
    const ui = await fetch(server.uiAddress);
    expect(ui.status).toBe(200);
    await withClient(server, async ({ connection }) => {
      const { config } = await connection.workflowService.describeNamespace({ namespace: 'default' });
      expect(Number(config?.workflowExecutionRetentionTtl?.seconds)).toBe(90 * 86_400);
    });
  });

  it('is found at its old address again, with its workflows and search attributes', async () => {
    const searchAttributes = { TemperTask: 'Keyword', TemperAccuracy: 'Double' } as const;
    const first = await start({ searchAttributes });
    await withClient(first, (client) =>
      client.workflow.start('nobodyRunsIt', {
        workflowId: 'kept',
        taskQueue: 'none',
        searchAttributes: { TemperTask: ['dialects'], TemperAccuracy: [0.5] },
      }),
    );
    await first.stop();

    const second = await start({ searchAttributes: { ...searchAttributes, TemperSeed: 'Int' } });
    expect({ address: second.address, ui: second.uiAddress }).toEqual({
      address: first.address,
      ui: first.uiAddress,
    });
    await withClient(second, async (client) => {
      const found = await client.workflow.count(`TemperTask = 'dialects' AND TemperSeed IS NULL`);
      expect(found.count).toBe(1);
      const description = await client.workflow.getHandle('kept').describe();
      expect(description.status.name).toBe('RUNNING');
    });
  });

  it('refuses a search attribute that exists with another type', async () => {
    const first = await start({ searchAttributes: { TemperTask: 'Keyword' } });
    await first.stop();
    const again = start({ searchAttributes: { TemperTask: 'Int' } });
    await expect(again).rejects.toThrow('TemperTask is Keyword, Temper needs Int');
  });

  it('takes the next port, and says so, when another program has the one it had', async () => {
    const first = await start();
    await first.stop();
    const release = await occupy(portOf(first.address));
    try {
      const second = await start();
      expect(second.address).not.toBe(first.address);
      expect(said.join('\n')).toContain(`port ${portOf(first.address)} is in use by another program`);
    } finally {
      await release();
    }
  });

  it('takes the next port when another program takes the one that it was about to listen on', async () => {
    // A server that says so on its way down, and then crashes with more words than anybody wants to read.
    const [taken, asked] = [join(folder, 'taken'), join(folder, 'asked')];
    const stacks = `i=0; while [ $i -lt 40 ]; do echo "some/package.go:$i" >&2; i=$((i+1)); done`;
    const program = join(folder, 'temporal');
    const { path } = await findTemporalCli({ cacheFolder: cacheFolder(), log: () => undefined });
    await writeFile(
      program,
      `#!/bin/sh
echo x >> '${asked}'
[ -e '${taken}' ] && exec '${path}' "$@"
touch '${taken}'; echo 'listen tcp: bind: address already in use' >&2; echo 'goroutine 1 [running]:' >&2; ${stacks}; exit 2
`,
      { mode: 0o755 },
    );
    await start({ cli: { path: program, version: '0', how: 'a test' } });
    expect(said.join('\n')).toContain('another program took the port meanwhile');
    expect(await readFile(asked, 'utf8')).toBe('x\nx\n');
  });

  it('says how it went when it dies, with the end of its log', async () => {
    const server = await start();
    process.kill(server.pid, 'SIGKILL');
    expect(await server.exited).toContain('was ended by SIGKILL');
  });

  it('that cannot start is an error that quotes its log', async () => {
    const cli = { path: '/bin/ls', version: '0', how: 'a wrong program' };
    const starting = start({ cli });
    await expect(starting).rejects.toThrow(EnvironmentError);
    await expect(starting).rejects.toThrow(/exit code 2[^]*unrecognized option/);
  });

  it('dies with the process that started it, even when that is killed', async () => {
    const script = `
      import { startServer } from ${JSON.stringify(pathToFileURL(entryPoint('worker/server')).href)};
      const { pid } = await startServer({ folder: ${JSON.stringify(folder)}, log: () => {} });
      process.stdout.write(String(pid) + '\\n');
      setInterval(() => {}, 1000);
    `;
    const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const line = await new Promise<string>((settle) =>
      parent.stdout.once('data', (data) => settle(String(data))),
    );
    const pid = Number(line);
    expect(await isRunning(pid, folder)).toBe(true);
    onTestFailed(() => void process.kill(pid, 'SIGKILL'));

    parent.kill('SIGKILL');
    while (await isRunning(pid, folder)) await sleep(20);

    // What it had written is whole, and its successor is found where it was.
    const record = JSON.parse(await readFile(join(folder, 'server.json'), 'utf8')) as { port: number };
    const successor = await start();
    expect(portOf(successor.address)).toBe(record.port);
  });
});
