/** @file The answers of whoever knows how the data were made. */
import { z } from 'zod';
import { writeLabels } from '../../datasets/shards.js';
import { splits } from '../../datasets/task.js';
import { taskNamed } from '../../datasets/tasks.js';
import type { StageFunction } from '../context.js';
import { parametersOf } from '../parameters.js';

const oracleParameters = z.object({
  task: z.string(),
  parameters: z.record(z.string(), z.unknown()),
  split: z.enum(splits),
  seed: z.int(),
});

export const labelByOracle: StageFunction = async (context) => {
  const { task: name, parameters, split, seed } = parametersOf(context.stage, oracleParameters);
  const task = taskNamed(name);
  if (task.oracle === undefined) throw new RangeError(`task ${name} has no oracle`);
  await writeLabels(context.folder, split, await task.oracle(parameters, seed, split));
  return {};
};
