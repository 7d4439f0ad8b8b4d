/** @file Confident only: the student learns from those items alone of which the weak supervisor is sure. */
import { z } from 'zod';
import { defineMethod } from './definition/method.js';
import { someLeft } from './label-work/distributions.js';

const threshold = z
  .number()
  .min(0)
  .max(1)
  .default(0.75)
  .describe('the least probability of its likeliest answer with which an item is kept');

export default defineMethod({
  name: 'confident-only',
  summary: 'Fine-tune on the weak labels of the items of which the weak supervisor is sure.',
  formula:
    'keep `i` where `max_c y_ic ≥ threshold`; with two classes that is `p ≥ 0.75` or `p ≤ 0.25`. Then naive fine-tuning.',
  source: 'architectfromthefuture/automated-w2s-research, confident-only (threshold 0.75)',
  answers: ['next-token', 'classes', 'preference'],
  parameters: z.object({
    threshold,
    labels: z.enum(['soft', 'hard']).default('soft').describe('form of the labels that are kept'),
  }),
  labelWork: {
    'confident-only': (bench, parameters) => {
      const { threshold: least } = z.object({ threshold }).parse(parameters);
      const all = bench.labels('labels');
      const confidence = (probabilities: readonly number[]): number => Math.max(...probabilities);
      const kept = all.filter(({ probabilities }) => confidence(probabilities) >= least);
      bench.log(`${kept.length} of ${all.length} labels are given with ${least} or more`);
      const surest = all.reduce((most, { probabilities }) => Math.max(most, confidence(probabilities)), 0);
      return someLeft(
        [...kept],
        `none of ${all.length} weak labels is given with a probability of ${least} or more; the surest has ` +
          `${surest.toFixed(3)}. Ask for a lower threshold.`,
      );
    },
  },
  evaluation: (cell, { threshold: least, labels }) =>
    cell.evaluate(
      cell.student({
        labels: cell.work({
          operation: 'confident-only',
          parameters: { threshold: least },
          labels: { labels: cell.weakLabels() },
        }),
        form: labels,
        loss: { name: 'cross-entropy' },
      }),
    ),
});
