/** @file SimPO: preferences by the mean log-probability of a token, with a margin and without a reference. */
import { z } from 'zod';
import { bradleyTerry, difference, meanLogProbabilities } from '../models/preference/objectives.js';
import { mul } from '../onnx/operators/index.js';
import { defineMethod } from './definition/method.js';
import { policy, policyParameters } from './preference/policy.js';

export default defineMethod({
  name: 'simpo',
  answers: ['preference'],
  summary: "Train the strong model on the weak supervisor's preferences by mean log-probability a token.",
  formula:
    '`L = −p ln σ(d − γ) − (1 − p) ln σ(−d − γ)`, `d = β [ln π(y₀) / |y₀| − ln π(y₁) / |y₁|]`. The student answers by ' +
    '`β ln π(y) / |y|`.',
  source:
    'Meng et al. 2024 (arXiv 2405.14734), equation 6; beta and gamma: keven980716/weak-to-strong-deception, ' +
    'weak_to_strong/train.py:920-930',
  parameters: z.object({
    beta: z.number().positive().default(2).describe("scale of the responses' mean log-probabilities"),
    gamma: z.number().min(0).default(1).describe('margin by which the better response is to win'),
    ...policyParameters,
  }),
  losses: {
    simpo: {
      reads: 'policy',
      reference: false,
      build: ({ logProbabilities, lengths, targets }, { beta, gamma }) => {
        const rewards = mul(meanLogProbabilities(logProbabilities, lengths), Number(beta)); // [P, 2]
        return bradleyTerry(difference(rewards), targets, Number(gamma));
      },
      reading: ({ beta }) => ({ by: 'mean-log-probability', scale: Number(beta) }),
    },
  },
  evaluation: (cell, { beta, gamma, labels: form, 'learning-rate': rate }) =>
    cell.evaluate(
      policy(cell, { labels: cell.weakLabels(), form, loss: { name: 'simpo', beta, gamma }, rate }),
    ),
});
