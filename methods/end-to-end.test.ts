/** @file Every method and control there is, from data to PGR, at the smallest size: a new one joins by being registered. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { collectResults } from '../activities/results.js';
import { closeSessions } from '../onnx/session.js';
import type { Trial } from '../plan/tree.js';
import type { Results } from '../report/results.js';
import { openLaboratory, runAll, type Laboratory } from '../test/stages.js';
import { carriedBy, entries, planWith, worldNamed, worldNames, type Entry } from '../test/worlds.js';

const folder = await mkdtemp(join(tmpdir(), 'temper-methods-'));
afterAll(async () => {
  await closeSessions();
  await rm(folder, { recursive: true, force: true });
});

const worlds = await Promise.all(
  worldNames.map(async (name) => {
    const world = await worldNamed(name, folder);
    return { name, world, carried: carriedBy(world) };
  }),
);

it('there is a task for every method and control', () => {
  const carried = new Set(worlds.flatMap((each) => each.carried));
  expect(entries.filter((entry) => !carried.has(entry)).map(({ title }) => title)).toEqual([]);
});

describe.each(worlds)('on $name', ({ world, carried }) => {
  let laboratory: Laboratory;
  beforeAll(async () => {
    laboratory = await openLaboratory(planWith(world, carried));
  });
  afterAll(() => laboratory.remove());

  /** In the order of the sweep, which is that of `carried`: methods first, then controls. */
  const trialsOf = (role: Entry['role']): Trial[] =>
    laboratory.plan.cells.flatMap(({ trials }) => trials.filter((trial) => trial.role === role));
  const trialOf = (entry: Entry): Trial => {
    const alike = carried.filter(({ role }) => role === entry.role);
    return trialsOf(entry.role)[alike.indexOf(entry)]!;
  };
  const collect = (): Promise<Results> => collectResults(laboratory.store, laboratory.plan, 'test');

  it.each(carried)('$role $title runs', async (entry) => {
    const { evaluation, method } = trialOf(entry);
    expect(method).toContain(entry.name);
    await runAll(laboratory, [evaluation]);
  });

  it('and each has its score, and its PGR against the same floor and ceiling', async () => {
    const ends = laboratory.plan.cells[0]!.trials.filter(({ role }) => role === 'weak' || role === 'ceiling');
    await runAll(
      laboratory,
      ends.map(({ evaluation }) => evaluation),
    );
    const { trials, summaries } = await collect();
    expect(trials.filter(({ status }) => status !== 'done').map(({ id }) => id)).toEqual([]);
    const of = (role: string) => summaries.find((row) => row.role === role)!;
    const [floor, ceiling] = [of('weak').score!.mean, of('ceiling').score!.mean];
    // At this size whoever has truth need not be better. Worlds are made such that it is, or there would be no PGR.
    expect((ceiling - floor) * (of('weak').metric!.higherIsBetter ? 1 : -1)).toBeGreaterThan(0);
    const rows = summaries.filter(({ role }) => role === 'method' || role === 'control');
    expect(rows).toHaveLength(carried.length);
    for (const { method, score, pgr } of rows)
      expect(pgr!.value, method).toBeCloseTo((score!.mean - floor) / (ceiling - floor), 9);
  });
});
