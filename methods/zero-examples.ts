/** @file k = 0: the strong model taught its own zero-shot labels. */
import { z } from 'zod';
import { defineControl } from './definition/method.js';

export default defineControl({
  name: 'zero-examples',
  summary:
    "k = 0: the strong model fine-tuned on its own zero-shot labels, so that what refinement owes to the strong model's prior is seen.",
  source: 'asked for by reviewers of arXiv 2405.16236: refinement without weak labels',
  parameters: z.object({
    labels: z.enum(['soft', 'hard']).default('hard').describe("form of the strong model's own labels"),
  }),
  standard: [{ labels: 'hard' }, { labels: 'soft' }],
  evaluation: (cell, { labels }) =>
    cell.evaluate(
      cell.student({
        labels: cell.refine({ examples: 0, supervisor: [] }),
        form: labels,
        loss: { name: 'cross-entropy' },
      }),
    ),
});
