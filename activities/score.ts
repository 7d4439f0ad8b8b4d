/** @file `score`: the evaluations of a cell in one artifact, so that a report reads one file a cell. */
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { canonicalJson } from '../base/json.js';
import { readLabels } from '../datasets/shards.js';
import type { Label } from '../datasets/task.js';
import { rightProbability } from '../metrics/measures.js';
import { similarityOf, type Scored } from '../metrics/similarity.js';
import { scoreStage } from '../plan/score.js';
import type { StageKey } from '../plan/stage.js';
import type { Cell } from '../plan/tree.js';
import type { Artifact, Store } from '../store/store.js';
import { evaluationFile, evaluationSchema, readEvaluation, type Evaluation } from './evaluation.js';
import { publishOnce } from './publish.js';

const cellScoresSchema = z.object({
  /** The ids of the test split's items, in its order. */
  items: z.array(z.string()),
  /** By key. */
  evaluations: z.record(z.string(), evaluationSchema),
  /** How each compares with the weak supervisor's: agreement, misfit, error similarity. By key. */
  besideWeak: z.record(z.string(), z.record(z.string(), z.number())),
});

/** What is known of a cell. */
export type CellScores = z.infer<typeof cellScoresSchema>;

/** The evaluations of a cell that are in the store; published as the cell's score where it is not yet. */
export async function scoreCell(store: Store, cell: Cell, worker: string): Promise<CellScores> {
  const wanted = [...new Set(cell.trials.map(({ evaluation }) => evaluation))];
  const { published } = await store.probe(wanted.map((key) => ({ kind: 'evaluate', key })));
  if (published.length === 0) return { items: [], evaluations: {}, besideWeak: {} };
  const weak = cell.trials.find(({ role }) => role === 'weak')?.evaluation;
  const stage = scoreStage(
    cell.id,
    published.map(({ key }) => key),
    published.some(({ key }) => key === weak) ? weak : undefined,
  );
  const ref = { kind: stage.kind, key: stage.key };
  if ((await store.probe([ref])).published.length > 0) {
    const artifact = await store.read(ref);
    return cellScoresSchema.parse(JSON.parse(await readFile(artifact.path('scores.json'), 'utf8')));
  }
  const artifacts = await Promise.all(published.map((evaluation) => store.read(evaluation)));
  const scores = await compared(artifacts, weak);
  const inputs = artifacts.map(({ ref: { kind, key }, manifest }) => {
    return { role: 'evaluations', kind, key, digest: manifest.digest };
  });
  const made = { title: stage.title, version: stage.version, inputs };
  await publishOnce(store, ref, worker, made, (folder) =>
    writeFile(join(folder, 'scores.json'), canonicalJson(scores)),
  );
  return scores;
}

async function compared(artifacts: readonly Artifact[], weak: StageKey | undefined): Promise<CellScores> {
  const evaluations: Record<StageKey, Evaluation> = {};
  const answered = new Map<StageKey, Label[]>();
  for (const artifact of artifacts) {
    evaluations[artifact.ref.key] = await readEvaluation(artifact);
    answered.set(artifact.ref.key, await readLabels(dirname(artifact.path(evaluationFile)), 'test'));
  }
  const scored = (key: StageKey): Scored => {
    const { scores, measures } = evaluations[key]!;
    return { answers: answered.get(key)!, scores, rightProbability: measures[rightProbability] };
  };
  const besideWeak: CellScores['besideWeak'] = {};
  if (weak !== undefined && answered.has(weak))
    for (const key of answered.keys())
      if (key !== weak) besideWeak[key] = similarityOf(scored(key), scored(weak));
  const [first = []] = answered.values();
  return { items: first.map(({ id }) => id), evaluations, besideWeak };
}
