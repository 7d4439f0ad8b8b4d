/** @file `label`: answers to the items of a split, by a model or by whoever else the plan names. */
import { z } from 'zod';
import type { StageFunction } from './context.js';
import { boostingVote, boostingWeights } from './labelling/boosting.js';
import { labelByModel } from './labelling/model.js';
import { labelByOracle } from './labelling/oracle.js';
import { labelWithRandomErrors } from './labelling/random-errors.js';
import { parametersOf } from './parameters.js';

/** Who labels where it is not a model. */
const supervisors: Readonly<Record<string, StageFunction>> = {
  'random-errors': labelWithRandomErrors,
  'boosting-weights': boostingWeights,
  'boosting-vote': boostingVote,
  oracle: labelByOracle,
};

const labelParameters = z.object({ supervisor: z.string().optional() });

/** Leaves labels of a split, or of a shard of it. */
export const label: StageFunction = (context) => {
  const { supervisor } = parametersOf(context.stage, labelParameters);
  if (supervisor === undefined) return labelByModel(context);
  const labels = supervisors[supervisor];
  if (labels === undefined) throw new RangeError(`there is no supervisor ${supervisor}`);
  return labels(context);
};
