/** @file Direct preference optimization: the policy is its own reward model, beside a frozen reference. */
import { z } from 'zod';
import {
  betterLikelihood,
  bradleyTerry,
  difference,
  meanLogProbabilities,
} from '../models/preference/objectives.js';
import { mul, sub } from '../onnx/operators/index.js';
import { defineMethod } from './definition/method.js';
import { policyBeside, policyParameters, supervisedParameter, supervisedStart } from './preference/policy.js';

export default defineMethod({
  name: 'dpo',
  answers: ['preference'],
  summary: "Train the strong model directly on the weak supervisor's preferences, beside its frozen self.",
  formula:
    '`L = −p ln σ(d) − (1 − p) ln σ(−d)`, `d = β [ln π(y₀) − ln π_ref(y₀) − ln π(y₁) + ln π_ref(y₁)]`; `ln π(y)` is summed over ' +
    "the response's tokens alone. `p` is 1 or 0 for hard labels; soft ones give the conservative form. The reference is the " +
    'model after the supervised step, and the student answers by `β [ln π − ln π_ref]`.',
  source:
    'Rafailov et al. 2023 (arXiv 2305.18290), equation 7; under a weak supervisor: arXiv 2406.11431 ' +
    '(keven980716/weak-to-strong-deception, weak_to_strong/train.py:670-687; its beta and its supervised epoch); ' +
    'conservative form: Mitchell 2023, A note on DPO with noisy preferences, equation 3',
  parameters: z.object({
    beta: z.number().positive().default(0.1).describe('how far the policy is held to the reference'),
    ...policyParameters,
    supervised: supervisedParameter,
  }),
  losses: {
    dpo: {
      reads: 'policy',
      reference: true,
      build: ({ logProbabilities, reference, targets }, { beta }) => {
        if (reference === undefined) throw new RangeError('DPO compares with a reference');
        const rewards = mul(sub(logProbabilities, reference), Number(beta)); // [P, 2]
        return bradleyTerry(difference(rewards), targets);
      },
      reading: ({ beta }) => ({ by: 'implicit-reward', scale: Number(beta) }),
    },
    'chosen-responses': {
      reads: 'policy',
      reference: false,
      build: ({ logProbabilities, lengths, targets }) =>
        betterLikelihood(meanLogProbabilities(logProbabilities, lengths), targets),
    },
  },
  evaluation: (cell, { beta, labels: form, supervised, 'learning-rate': rate }) => {
    const labels = cell.weakLabels();
    const start = supervisedStart(cell, labels, form, supervised);
    return cell.evaluate(
      policyBeside(cell, start, { labels, form, loss: { name: 'dpo', beta }, rate }),
      start,
    );
  },
});
