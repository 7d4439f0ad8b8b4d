/** @file `finetune`: a model trained on labels of a split, whoever gave them. */
import { z } from 'zod';
import { taskNamed } from '../datasets/tasks.js';
import { readsOf } from '../methods/definition/registry.js';
import { architectureOf } from './answering/answerer.js';
import { folderOf } from './artifacts.js';
import type { StageFunction } from './context.js';
import { finetunerOf } from './finetuning/registry.js';
import { parametersOf } from './parameters.js';

const finetuneParameters = z.object({ task: z.string(), loss: z.looseObject({ name: z.string() }) });

/** Leaves a model folder and, where there were steps, training.json and trajectory.json. */
export const finetune: StageFunction = async (context) => {
  const { task, loss } = parametersOf(context.stage, finetuneParameters);
  const architecture = await architectureOf(folderOf(context.input('model')));
  // A loss over pairs of responses is one whatever the task: answers in words are compared in pairs, too.
  const kind = readsOf(loss.name) === 'choices' ? taskNamed(task).answer : 'preference';
  return finetunerOf(architecture, kind)(context);
};
