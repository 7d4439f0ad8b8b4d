/** @file `finetune`: a model trained on labels of a split, whoever gave them. */
import { z } from 'zod';
import { taskNamed } from '../datasets/tasks.js';
import { architectureOf } from './answering/answerer.js';
import { folderOf } from './artifacts.js';
import type { StageFunction } from './context.js';
import { finetunerOf } from './finetuning/registry.js';
import { parametersOf } from './parameters.js';

const finetuneParameters = z.object({ task: z.string() });

/** Leaves a model folder and, where there were steps, training.json and trajectory.json. */
export const finetune: StageFunction = async (context) => {
  const { answer } = taskNamed(parametersOf(context.stage, finetuneParameters).task);
  return finetunerOf(await architectureOf(folderOf(context.input('model'))), answer)(context);
};
