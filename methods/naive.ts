/** @file Naive fine-tuning: the student imitates the weak labels as they are. */
import { z } from 'zod';
import { defineMethod } from './definition/method.js';
import { crossEntropyOf } from './loss-parts/divergences.js';

export default defineMethod({
  name: 'naive',
  summary: 'Fine-tune the strong model on the weak labels with cross entropy.',
  formula:
    '`L = −Σ_c y_c ln p_c`, with `y` the weak label and `p` the student. On tasks answered in words, the cross entropy of the ' +
    "answer's tokens; on preference pairs, that of which response is the better one (Bradley–Terry); on numbers, the squared " +
    'error, that is, the likelihood of a Gaussian.',
  source: 'Burns et al. 2023 (arXiv 2312.09390), section 3: naive fine-tuning',
  leavesBehind: [
    'openai/weak-to-strong reads the hidden state at the place that the number of non-zero token ids gives, so a text with "!" ' +
      '(id 0 of GPT-2) is read at another place, and passes no attention mask (`weak_to_strong/model.py:51`).',
    'openai/weak-to-strong goes through the items of every epoch in the same order (`weak_to_strong/train.py:62,81`); here each epoch has its own.',
  ],
  parameters: z.object({
    labels: z
      .enum(['soft', 'hard'])
      .default('soft')
      .describe("soft: the weak supervisor's whole distribution; hard: its most likely answer"),
    items: z
      .int()
      .min(1)
      .optional()
      .describe(
        'train on only so many items of B, the first in its order; a list shows how much weak data is worth',
      ),
  }),
  losses: {
    'cross-entropy': { reads: 'choices', build: ({ logits, targets }) => crossEntropyOf(targets, logits) },
  },
  evaluation: (cell, { labels, items }) =>
    cell.evaluate(
      cell.student({
        labels: cell.weakLabels(),
        form: labels,
        loss: { name: 'cross-entropy' },
        ...(items === undefined ? {} : { items }),
      }),
    ),
});
