/** @file A probe: what the activations of a model make of its items' weak labels. */
import { z } from 'zod';
import { UserError } from '../../base/errors.js';
import type { JsonObject } from '../../base/json.js';
import type { Label } from '../../datasets/task.js';
import type { WorkBench } from '../definition/label-work.js';
import { fitLogistic } from './logistic.js';
import { nearestNeighbours } from './nearest.js';

/** What a sweep may say of a probe. */
export const probeParameters = {
  probe: z
    .enum(['knn', 'logistic'])
    .default('knn')
    .describe('the mean weak label of the nearest neighbours, or logistic regression on the weak labels'),
  k: z.int().min(1).default(50).describe('knn: neighbours by Euclidean distance, the item itself among them'),
  l2: z
    .number()
    .min(0)
    .default(1e-3)
    .describe("logistic: weight of the weights' squared norm beside the mean cross entropy"),
  layer: z
    .int()
    .min(0)
    .optional()
    .describe('whose activations: 0 the embeddings, 1 the first block, …; default the middle one, ⌊L / 2⌋'),
};

const choiceSchema = z.object(probeParameters);
export type ProbeChoice = z.infer<typeof choiceSchema>;

/** The parameters that the chosen probe reads: another's do not belong in its key. */
export function probeChoice({ probe, k, l2, layer }: ProbeChoice): JsonObject {
  return { probe, ...(probe === 'knn' ? { k } : { l2 }), ...(layer === undefined ? {} : { layer }) };
}

/**
 * Fits a probe on the labels of the role `labels`, and asks it about the same items.
 * @returns the labels, and the probe's distribution for each
 * @throws UserError where the labels are over different numbers of choices: a probe needs classes
 */
export async function probed(
  bench: WorkBench,
  parameters: JsonObject,
): Promise<{ labels: readonly Label[]; predictions: number[][] }> {
  const { probe, k, l2, layer } = choiceSchema.parse(parameters);
  const labels = bench.labels('labels');
  const first = labels[0];
  if (first === undefined) throw new UserError('no label to fit a probe on');
  const odd = labels.find(({ probabilities }) => probabilities.length !== first.probabilities.length);
  if (odd !== undefined) {
    throw new UserError(
      `a probe needs the same classes for every item: item ${first.id} has ${first.probabilities.length} choices, ` +
        `item ${odd.id} has ${odd.probabilities.length}. Leave the method out for this task.`,
    );
  }
  const activations = await bench.activations(layer);
  const rowOf = new Map(bench.items.map(({ id }, index) => [id, activations[index]!]));
  const rows = labels.map(({ id }) => rowOf.get(id)!);
  const targets = labels.map(({ probabilities }) => probabilities);
  if (probe === 'knn') return { labels, predictions: nearestNeighbours(rows, targets, k) };
  const { predictions, converged } = fitLogistic(rows, targets, l2);
  if (!converged) bench.log('the logistic regression had not converged when its steps ran out');
  return { labels, predictions };
}
