/** @file Reward model: which of two responses is better is a difference of two scores. */
import { z } from 'zod';
import { bradleyTerry, difference } from '../models/preference/objectives.js';
import { defineMethod } from './definition/method.js';

export default defineMethod({
  name: 'reward-model',
  answers: ['preference'],
  summary: "Train a reward model on the weak supervisor's preferences between two responses.",
  formula:
    '`L = −p ln σ(r₀ − r₁) − (1 − p) ln σ(r₁ − r₀)`, with `r` a linear function of the last token of prompt and response, and ' +
    '`p` how likely the weak supervisor finds the first to be the better one.',
  source:
    'Burns et al. 2023 (arXiv 2312.09390), section 4.1 and appendix A: ChatGPT reward modelling; the model of ' +
    'Bradley and Terry 1952',
  leavesBehind: [
    'openai/weak-to-strong shows its classifier one reply of an hh-rlhf pair and asks whether it was the chosen one, which ends at ' +
      'chance (its issue 34); here both replies are scored and compared.',
  ],
  parameters: z.object({
    labels: z
      .enum(['soft', 'hard'])
      .default('soft')
      .describe('soft: p as the weak supervisor gives it; hard: 1 for the response that it prefers'),
  }),
  losses: {
    'bradley-terry': {
      reads: 'scores',
      build: ({ scores, targets }) => bradleyTerry(difference(scores), targets),
    },
  },
  evaluation: (cell, { labels }) =>
    cell.evaluate(cell.student({ labels: cell.weakLabels(), form: labels, loss: { name: 'bradley-terry' } })),
});
