/** @file Boosting weak supervisors: what each one's errors on A make of A's weights, and of its own vote. */
import { z } from 'zod';
import { readItems, readLabels, readTruth, writeLabels } from '../../datasets/shards.js';
import { splits, type Label } from '../../datasets/task.js';
import { sammeRound, type SammeRound } from '../../methods/label-work/samme.js';
import { oneHot } from '../answering/label.js';
import { folderOf } from '../artifacts.js';
import type { StageContext, StageFunction } from '../context.js';
import { parametersOf } from '../parameters.js';

const boosted = z.object({ split: z.enum(splits) });

/** Leaves A's truth as labels, weighing what the next supervisor is to heed. */
export const boostingWeights: StageFunction = async (context) => {
  const { round, labels, classes } = await roundOf(context);
  const weighed = labels.map((label, index) => ({
    ...label,
    probabilities: oneHot(label.label, classes),
    weight: round.weights[index]!,
  }));
  await writeLabels(context.folder, 'A', weighed);
  context.log(`error ${round.error.toFixed(4)}, vote ${round.alpha.toFixed(4)}`);
  return {};
};

/** Leaves a supervisor's labels, each weighing as much as its vote. */
export const boostingVote: StageFunction = async (context) => {
  const { split } = parametersOf(context.stage, boosted);
  const { round } = await roundOf(context);
  const labels = await readLabels(context.inputs('labels').map(folderOf), split);
  await writeLabels(
    context.folder,
    split,
    labels.map((label) => ({ ...label, weight: round.alpha })),
  );
  return {};
};

/** One supervisor's round: its answers to A against the truth, under the weights that it was trained with. */
async function roundOf(
  context: StageContext,
): Promise<{ round: SammeRound; labels: Label[]; classes: number }> {
  const items = await readItems(folderOf(context.input('items')), 'A');
  const truth = new Map((await readTruth(folderOf(context.input('truth')), 'A')).map((own) => [own.id, own]));
  const given = new Map(
    (await readLabels([folderOf(context.input('onA'))], 'A')).map((label) => [label.id, label]),
  );
  const before = context.has('weights') ? await readLabels(folderOf(context.input('weights')), 'A') : [];
  const weightOf = new Map(before.map(({ id, weight = 1 }) => [id, weight]));
  const classes = items[0]?.choices.length ?? 0;
  const round = sammeRound({
    weights: items.map(({ id }) => weightOf.get(id) ?? 1),
    wrong: items.map(({ id }) => given.get(id)?.label !== truth.get(id)?.label),
    classes,
  });
  const labels = items.map(({ id }): Label => ({ id, label: truth.get(id)!.label, probabilities: [] }));
  return { round, labels, classes };
}
