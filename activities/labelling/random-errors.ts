/** @file As a control: truth with errors at random, as many as the weak supervisor made. */
import { z } from 'zod';
import { Random } from '../../base/random.js';
import { readItems, readLabels, readTruth, writeLabels } from '../../datasets/shards.js';
import { splits, type Item, type Label, type Truth } from '../../datasets/task.js';
import { taskNamed } from '../../datasets/tasks.js';
import { gradeOf } from '../../metrics/grade.js';
import { oneHot } from '../answering/label.js';
import { folderOf } from '../artifacts.js';
import type { StageFunction } from '../context.js';
import { parametersOf } from '../parameters.js';

const randomErrors = z.object({
  split: z.enum(splits),
  seed: z.int(),
  /** For tasks without choices, whose own grader says what an error is. */
  task: z.string().optional(),
  grading: z.record(z.string(), z.unknown()).default({}),
});

/** As many errors as the weak supervisor made, at items and to answers drawn at random. */
export const labelWithRandomErrors: StageFunction = async (context) => {
  const { split, seed, task: name, grading } = parametersOf(context.stage, randomErrors);
  const items = await readItems(folderOf(context.input('items')), split);
  const byId = new Map(items.map((item) => [item.id, item]));
  const truth = await readTruth(folderOf(context.input('truth')), split);
  const right = new Map(truth.map((answer) => [answer.id, answer]));
  const weak = await readLabels(context.inputs('labels').map(folderOf), split);
  const task = name === undefined ? undefined : taskNamed(name);
  const isWrong = (item: Item, label: { label: number; answer?: string }, of: Truth): boolean =>
    task === undefined
      ? of.label !== label.label
      : gradeOf(task, label.answer ?? '', of.answer ?? '', item, grading).score < 1;
  const errors = weak.filter((answer) => isWrong(byId.get(answer.id)!, answer, right.get(answer.id)!)).length;
  const random = Random.of(seed, 'random-errors');
  const wrong = new Set(random.sample(truth, errors).map(({ id }) => id));
  const labels = truth.map((own): Label => {
    const item = byId.get(own.id)!;
    if (task !== undefined) {
      const others = wrong.has(own.id) ? truth.filter((other) => isWrong(item, other, own)) : [];
      // Where every answer is right for it, there is no error to make.
      const answer = others.length === 0 ? own.answer : others[random.integer(others.length)]!.answer;
      return { id: own.id, label: 0, probabilities: [], ...(answer === undefined ? {} : { answer }) };
    }
    const count = item.choices.length;
    // Any of the other answers, each as likely.
    const given = wrong.has(own.id) ? (own.label + 1 + random.integer(count - 1)) % count : own.label;
    return { id: own.id, label: given, probabilities: oneHot(given, count) };
  });
  await writeLabels(context.folder, split, labels);
  context.log(`${errors} of ${labels.length} labels made wrong`);
  return {};
};
