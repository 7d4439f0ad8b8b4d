/** @file `evaluate`: answers to the test split beside the truth; the only stage that sees that truth. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { canonicalJson } from '../base/json.js';
import { readItems, readLabels, readTruth, writeLabels } from '../datasets/shards.js';
import {
  splits,
  type Grade,
  type Item,
  type Label,
  type TaskDefinition,
  type Truth,
} from '../datasets/task.js';
import { taskNamed } from '../datasets/tasks.js';
import { gradeOf } from '../metrics/grade.js';
import { measuresOf } from '../metrics/measures.js';
import { openAnswerer } from './answering/registry.js';
import { folderOf } from './artifacts.js';
import type { StageContext, StageFunction } from './context.js';
import { readCurve } from './curve.js';
import { evaluationFile, type Evaluation } from './evaluation.js';
import { parametersOf } from './parameters.js';
import { readTrajectory } from './trajectory.js';

const evaluateParameters = z.object({
  task: z.string(),
  split: z.enum(splits),
  grading: z.record(z.string(), z.unknown()).default({}),
});

const accuracy = { name: 'accuracy', higherIsBetter: true };

/** Leaves evaluation.json and the answers. */
export const evaluate: StageFunction = async (context) => {
  const { task: name, split, grading } = parametersOf(context.stage, evaluateParameters);
  const task = taskNamed(name);
  const items = await readItems(folderOf(context.input('items')), split);
  const truths = await readTruth(folderOf(context.input('truth')), split);
  const truthOf = new Map(truths.map((truth) => [truth.id, truth]));
  const truth = items.map(({ id }) => {
    const own = truthOf.get(id);
    if (own === undefined) throw new RangeError(`there is no truth for item ${id}`);
    return own;
  });
  const answers = await answersOf(context, task, split, items);
  const grades =
    (await task.gradeAll?.(
      answers.map(({ answer = '' }) => answer),
      grading,
      context.stage.paths,
    )) ?? items.map((item, index) => gradeAnswer(task, item, answers[index]!, truth[index]!, grading));
  const scores = grades.map(({ score }) => score);
  const metric = task.metric ?? accuracy;
  const isShare = task.metric === undefined;
  const total = items.length;
  const value = scores.reduce((sum, score) => sum + score, 0) / total;
  const evaluation: Evaluation = {
    metric,
    value,
    total,
    correct: isShare ? scores.filter((score) => score === 1).length : null,
    scores,
    labels: answers.map(({ label }, index) => (items[index]!.choices.length === 0 ? -1 : label)),
    measures: measuresOf({
      kind: task.answer,
      answers,
      truth,
      classes: classesOf(items),
      ...(task.grade === undefined && task.gradeAll === undefined ? {} : { grades }),
    }),
    ...(await alongTraining(context, truthOf)),
  };
  await writeLabels(context.folder, split, answers);
  await writeFile(join(context.folder, evaluationFile), canonicalJson(evaluation));
  context.log(`${metric.name} ${value} over ${total} items`);
  return isShare && total > 0 ? { accuracy: value } : {};
};

/** A model's answers, or those that were given: one for every item. */
async function answersOf(
  context: StageContext,
  task: TaskDefinition,
  split: (typeof splits)[number],
  items: readonly Item[],
): Promise<Label[]> {
  if (context.has('labels')) {
    const given = await readLabels(context.inputs('labels').map(folderOf), split);
    const byId = new Map(given.map((label) => [label.id, label]));
    return items.map(({ id, choices }) => {
      const label = byId.get(id);
      if (label !== undefined) return label;
      if (choices.length > 0) throw new RangeError(`nobody answered item ${id}`);
      // Who gives no answer in words gives a wrong one.
      return { id, label: 0, probabilities: [], answer: '' };
    });
  }
  const answerer = await openAnswerer({ context, task, folder: folderOf(context.input('model')) });
  try {
    return await answerer.answers(items.map((item) => ({ item })));
  } finally {
    await answerer.release();
  }
}

function gradeAnswer(
  task: TaskDefinition,
  item: Item,
  answer: Label,
  truth: Truth,
  grading: Record<string, unknown>,
): Grade {
  if (item.choices.length > 0) return { score: answer.label === truth.label ? 1 : 0 };
  return gradeOf(task, answer.answer ?? '', truth.answer ?? '', item, grading);
}

/** How many choices every item has; 0 where they differ. */
function classesOf(items: readonly Item[]): number {
  const counts = new Set(items.map(({ choices }) => choices.length));
  return counts.size === 1 ? [...counts][0]! : 0;
}

/** What was recorded while the model was trained; a model as pretrained has a curve too, but not one of fine-tuning. */
async function alongTraining(
  context: StageContext,
  truth: ReadonlyMap<string, Truth>,
): Promise<Pick<Evaluation, 'trajectory' | 'training'>> {
  const trajectory = context.has('model') ? await readTrajectory(context.input('model')) : undefined;
  if (trajectory === undefined) return { trajectory: [], training: [] };
  const { ids, points } = trajectory;
  return {
    trajectory: points.map(({ step, labels }) => ({
      step,
      accuracy: share(labels, (answer, index) => truth.get(ids[index]!)?.label === answer),
    })),
    training: await readCurve(context.input('model')),
  };
}

function share<T>(values: readonly T[], holds: (value: T, index: number) => boolean): number {
  return values.filter(holds).length / values.length;
}
