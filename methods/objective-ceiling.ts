/** @file The strong model trained on B's truth by another objective than the reward model's. */
import { z } from 'zod';
import { defineControl, type LossChoice } from './definition/method.js';
import { policyParameters, supervisedParameter } from './preference/policy.js';

/** The methods' losses with their defaults. */
const objectives = {
  dpo: { name: 'dpo', beta: 0.1 },
  simpo: { name: 'simpo', beta: 2, gamma: 1 },
  orpo: { name: 'orpo', lambda: 0.1 },
} as const satisfies Record<string, LossChoice>;

export default defineControl({
  name: 'objective-ceiling',
  answers: ['preference'],
  summary:
    "The strong model trained on B's truth by the objective of a method over policies: the task's ceiling, a reward model's, " +
    'says nothing of what the objective itself can reach.',
  source: 'arXiv 2406.11431: each objective beside its own ceiling',
  parameters: z.object({
    objective: z.enum(['dpo', 'simpo', 'orpo']).default('dpo').describe('whose loss, with its defaults'),
    'learning-rate': policyParameters['learning-rate'],
    supervised: supervisedParameter.describe(
      'epochs of supervised training on the better responses before, for dpo; 0: none',
    ),
  }),
  // Only beside a method of that objective.
  standard: [],
  evaluation: (cell, { objective, supervised, 'learning-rate': rate }) => {
    const loss = objectives[objective];
    const settings = rate === 0 ? {} : { training: { 'learning-rate': rate } };
    if (objective !== 'dpo') return cell.evaluate(cell.ceiling('B', { loss, ...settings }));
    const start =
      supervised === 0
        ? cell.strong()
        : cell.ceiling('B', { loss: { name: 'chosen-responses' }, training: { epochs: supervised } });
    return cell.evaluate(cell.ceiling('B', { loss, from: start, reference: start, ...settings }), start);
  },
});
