/** @file From a sweep file to its plan, on this machine and without a server. */
import { join } from 'node:path';
import type { JsonObject } from '../base/json.js';
import { fingerprint } from '../datasets/fingerprint.js';
import { taskNamed } from '../datasets/tasks.js';
import { planSweep, type Plan } from '../plan/plan.js';
import { loadSweep } from '../plan/load.js';
import type { LoadedSweep, SweepTask } from '../spec/index.js';
import type { CommandContext } from './context.js';

export interface PlannedSweep {
  readonly sweep: LoadedSweep;
  readonly plan: Plan;
}

/** Reads, checks and plans a sweep file; downloads what it names on the hub, and glances at its files. */
export async function planFile(
  file: string,
  sets: readonly string[],
  context: CommandContext,
): Promise<PlannedSweep> {
  const loaded = await loadSweep(file, sets);
  const sweep = { ...loaded, tasks: await Promise.all(loaded.tasks.map(fetched)) };
  for (const task of sweep.tasks)
    await taskNamed(task.definition).glance?.({ ...task.parameters, ...task.files });
  const paths = sweep.tasks.flatMap((task) => Object.values(task.files));
  const digests = await fingerprint(paths, join(context.folder, 'fingerprints.json'));
  return { sweep, plan: planSweep(sweep, digests) };
}

/** The task with files of this machine in the place of what it names elsewhere. */
async function fetched(task: SweepTask): Promise<SweepTask> {
  const found = await taskNamed(task.definition).fetch?.({ ...task.parameters, ...task.files });
  if (found === undefined) return task;
  return { ...task, parameters: found.parameters as JsonObject, files: { ...task.files, ...found.files } };
}
