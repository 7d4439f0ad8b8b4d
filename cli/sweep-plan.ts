/** @file From a sweep file to its plan, on this machine and without a server. */
import { join } from 'node:path';
import { fingerprint } from '../datasets/fingerprint.js';
import { taskNamed } from '../datasets/tasks.js';
import { planSweep, type Plan } from '../plan/plan.js';
import { vocabulary } from '../plan/vocabulary.js';
import { loadSweepFile, type LoadedSweep } from '../spec/index.js';
import type { CommandContext } from './context.js';

export interface PlannedSweep {
  readonly sweep: LoadedSweep;
  readonly plan: Plan;
}

/** Reads, checks and plans a sweep file; glances at the files that it names. */
export async function planFile(
  file: string,
  sets: readonly string[],
  context: CommandContext,
): Promise<PlannedSweep> {
  const sweep = await loadSweepFile(file, { vocabulary, sets: [...sets] });
  for (const task of sweep.tasks)
    await taskNamed(task.definition).glance?.({ ...task.parameters, ...task.files });
  const paths = sweep.tasks.flatMap((task) => Object.values(task.files));
  const digests = await fingerprint(paths, join(context.folder, 'fingerprints.json'));
  return { sweep, plan: planSweep(sweep, digests) };
}
