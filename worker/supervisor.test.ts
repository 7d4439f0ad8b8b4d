/** @file The supervisor of a folder: one at a time, adopted by whoever comes later, and no process left behind. */
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import getPort from 'get-port';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { UserError } from '../base/errors.js';
import { killIfThere, System, waitFor, type Role } from '../bench/system.js';
import { Store } from '../store/store.js';
import { processesWith } from './processes.js';
import {
  ensureSupervisor,
  runningSupervisor,
  stopSupervisor,
  type SupervisorOptions,
} from './supervisor-record.js';
import { pinnedVersion } from './temporal-cli.js';

let folder: string;
let options: SupervisorOptions;
let system: System;
const ignore = (): void => undefined;

beforeEach(async () => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'temper-supervisor-')));
  options = { folder, store: join(folder, 'store'), idleMinutes: 5, cores: 1 };
  system = new System({ folder, cwd: folder });
  // Ports where no other test's server looks for one, as if this folder's had always been there.
  const [port, uiPort] = [await getPort(), await getPort()];
  writeFileSync(
    join(folder, 'server.json'),
    JSON.stringify({ pid: 0, port, uiPort, cliVersion: pinnedVersion }),
  );
});
afterEach(async () => {
  await system.end();
  rmSync(folder, { recursive: true });
});

/** Ids of the processes of a role, once there is one. */
async function pidOf(role: Role): Promise<number> {
  const found = await waitFor(role, async () =>
    (await system.processes()).find((each) => each.role === role),
  );
  return found.pid;
}

it('started twice at once is one, which both use; a later start adopts it', async () => {
  await Store.open(options.store, { create: true });
  const [one, other] = await Promise.all([
    ensureSupervisor(options, ignore),
    ensureSupervisor(options, ignore),
  ]);
  expect(one.address).toBe(other.address);
  const later = await ensureSupervisor(options, ignore);
  expect(later).toEqual({ address: one.address, ui: one.ui, adopted: true });
  expect((await system.processes()).filter(({ role }) => role === 'supervisor')).toHaveLength(1);
});

it('told to end leaves no process', async () => {
  await ensureSupervisor(options, ignore);
  await pidOf('compute worker');
  expect(await stopSupervisor(folder)).toBe(true);
  expect(await processesWith(folder)).toEqual([]);
  expect(await stopSupervisor(folder)).toBe(false);
});

it('killed leaves no process, and the next one takes over', async () => {
  const { address } = await ensureSupervisor(options, ignore);
  await pidOf('compute worker');
  await pidOf('orchestrator');
  killIfThere(await pidOf('supervisor'));
  await waitFor('no process', async () => ((await processesWith(folder)).length === 0 ? true : undefined));
  expect(await runningSupervisor(folder)).toBeUndefined();

  const next = await ensureSupervisor(options, ignore);
  expect(next).toMatchObject({ address, adopted: false });
});

it('starts again what was killed: the server at its old address, and each worker', async () => {
  const { address } = await ensureSupervisor(options, ignore);
  for (const role of ['server', 'orchestrator', 'compute worker'] as const) {
    const killed = await pidOf(role);
    killIfThere(killed);
    await waitFor(`another ${role}`, async () =>
      (await system.processes()).some((each) => each.role === role && each.pid !== killed) ? true : undefined,
    );
  }
  const record = await waitFor('readiness', async () => {
    const now = await runningSupervisor(folder);
    return now?.state === 'ready' ? now : undefined;
  });
  expect(record.address).toBe(address);
});

it('with another store is refused, with the two ways out', async () => {
  await ensureSupervisor(options, ignore);
  const other = ensureSupervisor({ ...options, store: join(folder, 'other') }, ignore);
  await expect(other).rejects.toThrow(UserError);
  await expect(other).rejects.toThrow(/temper down.*--folder/s);
});
