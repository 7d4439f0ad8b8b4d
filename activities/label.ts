/** @file `label`: a supervisor's labels of a shard of B; or, as a control, truth with errors at random. */
import { z } from 'zod';
import { Random } from '../base/random.js';
import { readItems, readLabels, readTruth, writeLabels } from '../datasets/shards.js';
import { splits, type Label } from '../datasets/task.js';
import { taskNamed } from '../datasets/tasks.js';
import { loadModel } from '../models/model.js';
import { Predictor } from '../models/predict.js';
import { parseDevice } from '../onnx/device.js';
import { rowOf } from './answers.js';
import type { StageContext, StageFunction } from './context.js';
import { argMax, folderOf } from './finetune.js';
import { parametersOf } from './parameters.js';

export const shardParameter = z.object({ index: z.int().min(0), of: z.int().min(1) });

const byModel = z.object({ task: z.string(), split: z.enum(splits), shard: shardParameter });
const byChance = z.object({ split: z.enum(splits), supervisor: z.literal('random-errors'), seed: z.int() });

/** Leaves the labels of its shard. */
export const label: StageFunction = async (context) => {
  if (context.stage.params['supervisor'] === 'random-errors') return labelByChance(context);
  const { task: name, split, shard } = parametersOf(context.stage, byModel);
  const task = taskNamed(name);
  const model = await loadModel(folderOf(context.input('model')));
  const items = await readItems(folderOf(context.input('items')), split, { shard: shard.index });
  const predictor = await Predictor.create(model, { device: parseDevice(`cpu:${context.threads}`) });
  try {
    const answers = await predictor.choiceProbabilities(items.map((item) => rowOf(task, model, item)));
    const labels = items.map(({ id }, index) => labelOf(id, answers[index]!));
    await writeLabels(context.folder, split, labels, { shard: shard.index, of: shard.of });
    context.log(`${labels.length} labels`);
    return {};
  } finally {
    await predictor.release();
  }
};

export function labelOf(id: string, probabilities: number[]): Label {
  return { id, label: argMax(probabilities), probabilities };
}

/** As many errors as the weak supervisor made, at items and to answers drawn at random. */
async function labelByChance(context: StageContext): Promise<object> {
  const { split, seed } = parametersOf(context.stage, byChance);
  const items = await readItems(folderOf(context.input('items')), split);
  const choices = new Map(items.map((item) => [item.id, item.choices.length]));
  const truth = await readTruth(folderOf(context.input('truth')), split);
  const right = new Map(truth.map((answer) => [answer.id, answer.label]));
  const weak = await readLabels(context.inputs('labels').map(folderOf), split);
  const errors = weak.filter((answer) => right.get(answer.id) !== answer.label).length;
  const random = Random.of(seed, 'random-errors');
  const wrong = new Set(random.sample(truth, errors).map(({ id }) => id));
  const labels = truth.map(({ id, label: answer }): Label => {
    const count = choices.get(id)!;
    // Any of the other answers, each as likely.
    const given = wrong.has(id) ? (answer + 1 + random.integer(count - 1)) % count : answer;
    return {
      id,
      label: given,
      probabilities: Array.from({ length: count }, (_, index) => (index === given ? 1 : 0)),
    };
  });
  await writeLabels(context.folder, split, labels);
  context.log(`${errors} of ${labels.length} labels made wrong`);
  return {};
}
