/** @file Answers along a fine-tuning: `trajectory.json`, which `evaluate` compares with the truth. */
import { readFile } from 'node:fs/promises';
import type { Artifact } from '../store/store.js';

export interface TrajectoryPoint {
  readonly step: number;
  /** The model's answer to each item of {@link Trajectory.ids}, as an index into its choices. */
  readonly labels: number[];
}

export interface Trajectory {
  readonly ids: string[];
  readonly points: TrajectoryPoint[];
}

export const trajectoryFile = 'trajectory.json';

/** The trajectory of a model; undefined for one that was not fine-tuned. */
export async function readTrajectory(artifact: Artifact): Promise<Trajectory | undefined> {
  if (!artifact.manifest.files.some(({ path }) => path === trajectoryFile)) return undefined;
  return JSON.parse(await readFile(artifact.path(trajectoryFile), 'utf8')) as Trajectory;
}
