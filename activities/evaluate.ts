/** @file `evaluate`: a model's answers on the test split beside the truth; the only stage that sees that truth. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { canonicalJson } from '../base/json.js';
import { readItems, readTruth, writeLabels } from '../datasets/shards.js';
import { splits } from '../datasets/task.js';
import { taskNamed } from '../datasets/tasks.js';
import { accuracy } from '../metrics/accuracy.js';
import { loadModel } from '../models/model.js';
import { Predictor } from '../models/predict.js';
import { parseDevice } from '../onnx/device.js';
import { rowOf } from './answers.js';
import type { StageFunction } from './context.js';
import { readCurve } from './curve.js';
import { evaluationFile, type Evaluation } from './evaluation.js';
import { folderOf } from './finetune.js';
import { labelOf } from './label.js';
import { parametersOf } from './parameters.js';
import { readTrajectory } from './trajectory.js';

const evaluateParameters = z.object({ task: z.string(), split: z.enum(splits) });

/** Leaves evaluation.json and the model's answers. */
export const evaluate: StageFunction = async (context) => {
  const { task: name, split } = parametersOf(context.stage, evaluateParameters);
  const task = taskNamed(name);
  const artifact = context.input('model');
  const model = await loadModel(folderOf(artifact));
  const items = await readItems(folderOf(context.input('items')), split);
  const truth = await readTruth(folderOf(context.input('truth')), split);
  const predictor = await Predictor.create(model, { device: parseDevice(`cpu:${context.threads}`) });
  try {
    const answers = await predictor.choiceProbabilities(items.map((item) => rowOf(task, model, item)));
    const labels = items.map(({ id }, index) => labelOf(id, answers[index]!));
    const { correct, total } = accuracy(labels, truth);
    const right = new Map(truth.map((answer) => [answer.id, answer.label]));
    const trajectory = await readTrajectory(artifact);
    const evaluation: Evaluation = {
      correct,
      total,
      trajectory: (trajectory?.points ?? []).map(({ step, labels: then }) => ({
        step,
        accuracy: share(then, (answer, index) => right.get(trajectory!.ids[index]!) === answer),
      })),
      // A model as pretrained has a curve too, but not one of fine-tuning.
      training: trajectory === undefined ? [] : await readCurve(artifact),
    };
    await writeLabels(context.folder, split, labels);
    await writeFile(join(context.folder, evaluationFile), canonicalJson(evaluation));
    context.log(`${correct} of ${total} right`);
    return total === 0 ? {} : { accuracy: correct / total };
  } finally {
    await predictor.release();
  }
};

function share<T>(values: readonly T[], holds: (value: T, index: number) => boolean): number {
  return values.filter(holds).length / values.length;
}
