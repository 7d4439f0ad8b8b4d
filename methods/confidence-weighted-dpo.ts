/** @file Confidence-weighted DPO: a pair counts as much as the weak supervisor is sure which response is better. */
import { z } from 'zod';
import { UserError } from '../base/errors.js';
import type { Label } from '../datasets/task.js';
import type { WorkBench } from './definition/label-work.js';
import { defineMethod } from './definition/method.js';
import { policyBeside, policyParameters, supervisedParameter, supervisedStart } from './preference/policy.js';

export default defineMethod({
  name: 'confidence-weighted-dpo',
  answers: ['preference'],
  summary: 'DPO in which a pair weighs as much as the weak supervisor is sure of its preference.',
  formula:
    "`L = w · L_DPO`, `w = |2p − 1|` with `p` the weak supervisor's probability, divided by the mean of `w` over the pairs. " +
    'The supervised step before is that of `dpo`, unweighted, so that both begin at the same model.',
  source:
    'Confidence-weighted preference optimization (arXiv 2603.04968), of which the abstract says that training samples are ' +
    're-weighted by the weak model’s confidence; this form of the confidence is ours: 0 for a coin toss, 1 for certainty',
  parameters: z.object({
    beta: z.number().positive().default(0.1).describe('how far the policy is held to the reference'),
    ...policyParameters,
    supervised: supervisedParameter,
  }),
  labelWork: { 'preference-confidence': weighted },
  evaluation: (cell, { beta, labels: form, supervised, 'learning-rate': rate }) => {
    const weak = cell.weakLabels();
    const start = supervisedStart(cell, weak, form, supervised);
    const labels = cell.work({ operation: 'preference-confidence', labels: { weak } });
    return cell.evaluate(
      policyBeside(cell, start, { labels, form, loss: { name: 'dpo', beta }, rate }),
      start,
    );
  },
});

/** The labels with their weights; those that prefer neither response are left out. */
function weighted(bench: WorkBench): Label[] {
  const labels = bench.labels('weak');
  const kept = labels.flatMap((label): Label[] => {
    const weight = Math.abs(2 * (label.probabilities[0] ?? 0.5) - 1) * (label.weight ?? 1);
    return weight > 0 ? [{ ...label, weight }] : [];
  });
  if (kept.length === 0) {
    throw new UserError(
      `the weak supervisor prefers neither response in any of its ${labels.length} labels, so that no pair has a weight. ` +
        'Give it more to learn from (the split A, its fine-tuning), or use dpo.',
    );
  }
  const mean = kept.reduce((sum, { weight }) => sum + (weight ?? 1), 0) / kept.length;
  bench.log(`${kept.length} of ${labels.length} pairs weigh something, ${mean.toFixed(3)} on average`);
  return kept;
}
