/** @file `finetune`: a pretrained model trained on labels of a split, whoever gave them. */
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { canonicalJson } from '../base/json.js';
import { readItems, readLabels, readTruth } from '../datasets/shards.js';
import { splits, type Item, type Split } from '../datasets/task.js';
import { taskNamed } from '../datasets/tasks.js';
import type { LossChoice } from '../methods/method.js';
import { losses } from '../methods/registry.js';
import { withHead } from '../models/heads.js';
import { loadModel, saveModel } from '../models/model.js';
import { Predictor } from '../models/predict.js';
import { choiceBatch, choiceProgram, type ChoiceRow } from '../models/training.js';
import { parseDevice } from '../onnx/device.js';
import { finetuneSchema } from '../spec/index.js';
import { headOf, rowOf } from './answers.js';
import type { StageContext, StageFunction } from './context.js';
import { writeCurve } from './curve.js';
import { epochOrder } from './order.js';
import { parametersOf } from './parameters.js';
import { train } from './training-loop.js';
import { stepsOf, trainingOf } from './training-settings.js';
import { trajectoryFile, type Trajectory, type TrajectoryPoint } from './trajectory.js';

const finetuneParameters = z.object({
  task: z.string(),
  split: z.enum(splits),
  form: z.enum(['soft', 'hard']),
  loss: z.looseObject({ name: z.string() }),
  training: finetuneSchema,
  pooling: z.enum(['last', 'mean']).default('mean'),
  seed: z.int(),
  /** The split whose answers are recorded along the way. Items only: there is no truth of it in here. */
  track: z.enum(splits),
});

/** Items followed along the training at most: enough for a curve, few enough to cost little. */
const trackedItems = 512;
/** Sequences longer than this are padded to a multiple of it, so that similar data share one graph. */
const lengthUnit = 8;

/** Leaves a model folder, training.json and trajectory.json. */
export const finetune: StageFunction = async (context) => {
  const asked = parametersOf(context.stage, finetuneParameters);
  const task = taskNamed(asked.task);
  const base = await loadModel(dirname(context.input('model').path('config.json')));
  const folder = dirname(context.input('items').path('report.json'));
  const items = await readItems(folder, asked.split);
  const tracked = (await readItems(folder, asked.track)).slice(0, trackedItems);
  const head = headOf(task, items, asked.pooling);
  const targets = await targetsOf(context, asked.split, asked.form, items);
  const rows: ChoiceRow[] = items.map((item) => ({
    ...rowOf(task, base, item),
    target: targets.get(item.id)!,
  }));
  const followed = tracked.map((item) => rowOf(task, base, item));

  const choices = items[0]!.choices.length;
  const longest = rows.reduce((length, { tokens }) => Math.max(length, tokens.length), 0);
  const length = longest <= lengthUnit ? longest : Math.ceil(longest / lengthUnit) * lengthUnit;
  const size = { length: Math.min(length, base.config.context), choices };
  const training = trainingOf(asked.training, stepsOf(asked.training, rows.length));
  const loss = losses[asked.loss.name];
  if (loss === undefined) throw new RangeError(`no loss named ${asked.loss.name}`);
  const order = epochOrder(rows.length, training.batch, asked.seed, 'finetune');
  context.log(
    `${rows.length} items, ${training.steps} steps of ${training.batch}, sequences of ${size.length}`,
  );

  const parameters = withHead(base.config, head, base.parameters);
  const device = parseDevice(`cpu:${context.threads}`);
  const predictor = await Predictor.create({ config: base.config, head, parameters }, { device });
  try {
    const trained = await train<TrajectoryPoint>(context, {
      program: choiceProgram(base.config, head, { ...size, loss: loss(asked.loss as LossChoice), training }),
      steps: training.steps,
      parameters,
      batchAt: (step) =>
        choiceBatch(
          order(step).map((index) => rows[index]!),
          size,
        ),
      recordAt: recordedSteps(training.steps),
      record: async (step, now) => ({
        step,
        labels: (await predictor.choiceProbabilities(followed, now)).map(argMax),
      }),
    });
    await saveModel(context.folder, { ...base, head, parameters: trained.parameters });
    await writeCurve(context.folder, trained.losses);
    const trajectory: Trajectory = { ids: tracked.map(({ id }) => id), points: trained.recorded };
    await writeFile(join(context.folder, trajectoryFile), canonicalJson(trajectory));
    return {};
  } finally {
    await predictor.release();
  }
};

/** Target distributions by item id, from labels or from truth, whichever the plan gave. */
async function targetsOf(
  context: StageContext,
  split: Split,
  form: 'soft' | 'hard',
  items: readonly Item[],
): Promise<Map<string, number[]>> {
  const choices = new Map(items.map((item) => [item.id, item.choices.length]));
  const oneHot = (id: string, label: number): number[] =>
    Array.from({ length: choices.get(id) ?? 0 }, (_, index) => (index === label ? 1 : 0));
  const targets = new Map<string, number[]>();
  if (context.has('truth')) {
    const manifest = context.input('truth');
    for (const { id, label } of await readTruth(folderOf(manifest), split))
      targets.set(id, oneHot(id, label));
  } else {
    const folders = context.inputs('labels').map(folderOf);
    for (const { id, label, probabilities } of await readLabels(folders, split)) {
      targets.set(id, form === 'hard' ? oneHot(id, label) : probabilities);
    }
  }
  const missing = items.find(({ id }) => !targets.has(id));
  if (missing !== undefined) throw new Error(`${context.stage.title}: item ${missing.id} has no label`);
  return targets;
}

/** Where an artifact's files are. */
export function folderOf(artifact: {
  manifest: { files: { path: string }[] };
  path(file: string): string;
}): string {
  return dirname(artifact.path(artifact.manifest.files[0]!.path));
}

/** 0, 1, 2, 5, 10, 20, 50, … and the last step. */
function recordedSteps(steps: number): Set<number> {
  const recorded = new Set([0, steps]);
  for (let decade = 1; decade < steps; decade *= 10) {
    for (const step of [decade, 2 * decade, 5 * decade]) if (step < steps) recorded.add(step);
  }
  return recorded;
}

export function argMax(values: readonly number[]): number {
  let best = 0;
  values.forEach((value, index) => {
    if (value > values[best]!) best = index;
  });
  return best;
}
