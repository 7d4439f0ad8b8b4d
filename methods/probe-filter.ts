/** @file Probe filter: weak labels that a probe on the strong model's activations contradicts most are dropped. */
import { z } from 'zod';
import { defineMethod } from './definition/method.js';
import { someLeft } from './label-work/distributions.js';
import { probeChoice, probed, probeParameters, type ProbeChoice } from './label-work/probe.js';

const contamination = z
  .number()
  .min(0)
  .max(1)
  .default(0.1)
  .describe('share of the labels that is dropped: those that the probe contradicts most');

export default defineMethod({
  name: 'probe-filter',
  summary:
    "Fine-tune on the weak labels without those that a probe on the strong model's activations contradicts.",
  formula:
    'drop the `⌊contamination · n⌋` items with the largest `½ Σ_c |probe(h_i)_c − y_ic|` (with two classes `|probe − y|`). ' +
    'Then naive fine-tuning.',
  source: 'EleutherAI/w2s, w2s/probe.py:50-54 and w2s/sft.py (probe_filter)',
  leavesBehind: [
    'EleutherAI/w2s filters the validation labels, too, from which it picks the best checkpoint; here no checkpoint is picked.',
  ],
  answers: ['next-token', 'classes', 'preference'],
  parameters: z.object({
    ...probeParameters,
    contamination,
    labels: z.enum(['soft', 'hard']).default('soft').describe('form of the labels that are kept'),
  }),
  labelWork: {
    'probe-filter': async (bench, parameters) => {
      const { contamination: share } = z.object({ contamination }).parse(parameters);
      const { labels, predictions } = await probed(bench, parameters);
      const distance = labels.map(({ probabilities }, index) =>
        probabilities.reduce((sum, p, c) => sum + Math.abs(p - predictions[index]![c]!) / 2, 0),
      );
      const furthest = labels.map((_, index) => index).sort((a, b) => distance[b]! - distance[a]! || a - b);
      const dropped = new Set(furthest.slice(0, Math.floor(share * labels.length)));
      bench.log(`${dropped.size} of ${labels.length} labels dropped`);
      return someLeft(
        labels.filter((_, index) => !dropped.has(index)),
        `contamination ${share} drops all ${labels.length} of them. Ask for less.`,
      );
    },
  },
  evaluation: (cell, parameters) =>
    cell.evaluate(
      cell.student({
        labels: cell.work({
          operation: 'probe-filter',
          parameters: {
            ...probeChoice(parameters as ProbeChoice),
            contamination: parameters.contamination,
          },
          labels: { labels: cell.weakLabels() },
          model: cell.strong(),
        }),
        form: parameters.labels,
        loss: { name: 'cross-entropy' },
      }),
    ),
});
