/** @file `score`: the evaluations of a cell in one artifact, so that a report reads one file a cell. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { canonicalJson } from '../base/json.js';
import { scoreStage } from '../plan/score.js';
import type { StageKey } from '../plan/stage.js';
import type { Store } from '../store/store.js';
import { publishOnce } from './publish.js';
import { evaluationSchema, readEvaluation, type Evaluation } from './evaluation.js';

const scoresSchema = z.record(z.string(), evaluationSchema);

/** The evaluations of a cell that are in the store, by key; published as the cell's score where it is not yet. */
export async function scoreCell(
  store: Store,
  cell: string,
  evaluations: readonly StageKey[],
  worker: string,
): Promise<Record<StageKey, Evaluation>> {
  const wanted = [...new Set(evaluations)].map((key) => ({ kind: 'evaluate', key }));
  const { published } = await store.probe(wanted);
  if (published.length === 0) return {};
  const stage = scoreStage(
    cell,
    published.map(({ key }) => key),
  );
  const ref = { kind: stage.kind, key: stage.key };
  if ((await store.probe([ref])).published.length > 0) {
    const artifact = await store.read(ref);
    return scoresSchema.parse(JSON.parse(await readFile(artifact.path('scores.json'), 'utf8')));
  }
  const artifacts = await Promise.all(published.map((evaluation) => store.read(evaluation)));
  const scores: Record<StageKey, Evaluation> = {};
  for (const artifact of artifacts) scores[artifact.ref.key] = await readEvaluation(artifact);
  const inputs = artifacts.map(({ ref: { kind, key }, manifest }) => {
    return { role: 'evaluations', kind, key, digest: manifest.digest };
  });
  const made = { title: stage.title, version: stage.version, inputs };
  await publishOnce(store, ref, worker, made, (folder) =>
    writeFile(join(folder, 'scores.json'), canonicalJson(scores)),
  );
  return scores;
}
