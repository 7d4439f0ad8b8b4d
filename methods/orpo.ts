/** @file ORPO: supervised training on the better response, and an odds ratio against the other, in one loss. */
import { z } from 'zod';
import {
  betterLikelihood,
  bradleyTerry,
  difference,
  logOdds,
  meanLogProbabilities,
} from '../models/preference/objectives.js';
import { add, mul } from '../onnx/operators/index.js';
import { defineMethod } from './definition/method.js';
import { policy, policyParameters } from './preference/policy.js';

export default defineMethod({
  name: 'orpo',
  answers: ['preference'],
  summary:
    'Train the strong model on the preferred responses and, by the ratio of the odds, against the others.',
  formula:
    '`L = −Σ_i t_i ln P(y_i) + λ [−p ln σ(d) − (1 − p) ln σ(−d)]`, `t = [p, 1 − p]`, `ln P(y) = ln π(y) / |y|`, ' +
    '`d = ln odds(y₀) − ln odds(y₁)`, `odds(y) = P(y) / (1 − P(y))`. The student answers by `ln odds(y)`. A mean log-probability ' +
    'counts as −10⁻⁶ at most, where the odds would be infinite.',
  source: 'Hong et al. 2024 (arXiv 2403.07691), equations 4 to 7; lambda: its section 5',
  leavesBehind: [
    "TRL's ORPO trainer takes the supervised term over the prompt's tokens, too, and its mean over all tokens of a batch; the " +
      "paper's equation 6, and this, over those of the response, pair by pair.",
  ],
  parameters: z.object({
    lambda: z.number().min(0).default(0.1).describe('weight of the odds ratio beside the supervised term'),
    ...policyParameters,
  }),
  losses: {
    orpo: {
      reads: 'policy',
      reference: false,
      build: ({ logProbabilities, lengths, targets }, { lambda }) => {
        const means = meanLogProbabilities(logProbabilities, lengths); // [P, 2]
        const ratio = bradleyTerry(difference(logOdds(means)), targets);
        return add(betterLikelihood(means, targets), mul(ratio, Number(lambda)));
      },
      reading: () => ({ by: 'log-odds' }),
    },
  },
  evaluation: (cell, { lambda, labels: form, 'learning-rate': rate }) =>
    cell.evaluate(policy(cell, { labels: cell.weakLabels(), form, loss: { name: 'orpo', lambda }, rate })),
});
