/** @file What `evaluate` leaves, as others read it. */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { Artifact } from '../store/store.js';

export const evaluationSchema = z.object({
  /** What `value` is: "accuracy" (the share of right answers), "risk", … */
  metric: z.object({ name: z.string(), higherIsBetter: z.boolean() }),
  /** The metric on the test split: the mean of `scores`. */
  value: z.number(),
  /** Items of the test split. */
  total: z.int(),
  /** Items answered rightly; null for a metric that is no share of items. */
  correct: z.int().nullable(),
  /** What each item scored, in the order of the split. */
  scores: z.array(z.number()),
  /** The answer to each item as an index into its choices; −1 where there are no choices. */
  labels: z.array(z.int()),
  /** Whatever else was measured, by name: AUROC, F1, parts of grades. */
  measures: z.record(z.string(), z.number()),
  /** The metric along the fine-tuning, from answers given then. */
  trajectory: z.array(z.object({ step: z.int(), accuracy: z.number() })),
  /** Loss along the fine-tuning. */
  training: z.array(z.object({ step: z.int(), loss: z.number() })),
});

export type Evaluation = z.infer<typeof evaluationSchema>;

export const evaluationFile = 'evaluation.json';

/** Reads an artifact of `evaluate`. */
export async function readEvaluation(artifact: Artifact): Promise<Evaluation> {
  return evaluationSchema.parse(JSON.parse(await readFile(artifact.path(evaluationFile), 'utf8')));
}
