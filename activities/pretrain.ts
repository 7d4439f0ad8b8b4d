/** @file `pretrain`: a model as its architecture makes it from a corpus. */
import { z } from 'zod';
import type { StageFunction } from './context.js';
import { parametersOf } from './parameters.js';
import { pretrainers } from './pretraining/registry.js';

const pretrainParameters = z.object({ architecture: z.string() });

/** Leaves a model folder. */
export const pretrain: StageFunction = async (context) => {
  const { architecture } = parametersOf(context.stage, pretrainParameters);
  const pretrainer = pretrainers[architecture];
  if (pretrainer === undefined) throw new RangeError(`nobody pretrains the architecture ${architecture}`);
  return pretrainer(context);
};
