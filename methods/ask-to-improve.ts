/** @file Ask-to-improve: the strong model is shown each weak answer and improves it. */
import { z } from 'zod';
import { defineMethod } from './definition/method.js';
import { improveTemplate } from './refinement/prompts.js';

export default defineMethod({
  name: 'ask-to-improve',
  summary:
    'Let the strong model improve the weak answer to each item of B, and fine-tune it on what comes out.',
  formula:
    "`r_i = M(improve(q_i, a_i))`; fine-tune `M` on `(q_i, r_i)`. The one kind of refinement in which the model sees the question's own weak answer.",
  source:
    'Somerstep et al. 2024 (arXiv 2405.16236), algorithm 3; UMich-FATML/w2s-refinement, get_intent_and_improve.py:126-130',
  leavesBehind: [
    'The released code cuts four characters off the weak answer (`[:-4]`), two of which are its last letters; here it is shown whole.',
  ],
  answers: ['text'],
  parameters: z.object({
    improve: z
      .string()
      .default(improveTemplate)
      .describe('how the improvement is asked for; Jinja: question, answer'),
  }),
  evaluation: (cell, { improve }) =>
    cell.evaluate(
      cell.student({
        labels: cell.refine({
          procedure: 'ask-to-improve',
          supervisor: cell.weakLabels(),
          examples: 0,
          prompts: { improve },
        }),
        form: 'hard',
        loss: { name: 'cross-entropy' },
      }),
    ),
});
