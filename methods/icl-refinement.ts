/** @file ICL refinement: the strong model relabels each item after seeing other items with their weak labels. */
import { z } from 'zod';
import { defineMethod } from './definition/method.js';

export default defineMethod({
  name: 'icl-refinement',
  answers: ['next-token', 'text', 'number'],
  summary:
    'Let the strong model relabel B from weakly labelled examples in its context, then fine-tune it on that.',
  source: 'Somerstep et al. 2024 (arXiv 2405.16236), algorithm 1',
  parameters: z.object({
    examples: z
      .int()
      .min(1)
      .default(4)
      .describe("weakly labelled items before each question; never the question's own"),
    contexts: z
      .int()
      .min(1)
      .default(1)
      .describe('independent draws of the examples, over which the answers are averaged'),
    labels: z.enum(['soft', 'hard']).default('hard').describe('form of the refined labels'),
  }),
  evaluation: (cell, { examples, contexts, labels }) =>
    cell.evaluate(
      cell.student({
        labels: cell.refine({ examples, contexts, supervisor: cell.weakLabels() }),
        form: labels,
        loss: { name: 'cross-entropy' },
      }),
    ),
});
