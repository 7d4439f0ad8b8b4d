/** @file Loss along a training, thinned for people: `training.json`. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalJson } from '../base/json.js';
import type { Artifact } from '../store/store.js';

export interface CurvePoint {
  /** The last step of the window. */
  readonly step: number;
  /** Mean over the window. */
  readonly loss: number;
}

const curveFile = 'training.json';
const pointsAtMost = 50;

/** Writes at most 50 points, each the mean loss over its window of steps. */
export async function writeCurve(folder: string, losses: readonly number[]): Promise<void> {
  const window = Math.max(1, Math.ceil(losses.length / pointsAtMost));
  const points: CurvePoint[] = [];
  for (let start = 0; start < losses.length; start += window) {
    const part = losses.slice(start, start + window);
    const mean = part.reduce((sum, loss) => sum + loss, 0) / part.length;
    points.push({ step: start + part.length, loss: mean });
  }
  await writeFile(join(folder, curveFile), canonicalJson(points));
}

/** The curve of an artifact; empty where nothing was trained. */
export async function readCurve(artifact: Artifact): Promise<CurvePoint[]> {
  if (!artifact.manifest.files.some(({ path }) => path === curveFile)) return [];
  return JSON.parse(await readFile(artifact.path(curveFile), 'utf8')) as CurvePoint[];
}
