/** @file ICL refinement: the strong model relabels each item after seeing other items with their weak labels. */
import { z } from 'zod';
import { defineMethod } from './definition/method.js';

export default defineMethod({
  name: 'icl-refinement',
  answers: ['next-token', 'text', 'number'],
  summary:
    'Let the strong model relabel B from weakly labelled examples in its context, then fine-tune it on that.',
  formula:
    '`y′_i = M(· | (x_j, y_j), j ∈ E_i; x_i)` with `M` the pretrained strong model and `E_i` `examples` other items with their weak answers: an ' +
    "item's own weak answer is never shown. `draw: drawn`: `E_i` is drawn for each question; `batches`: B in consecutive batches of `examples + 1`, each " +
    'question seeing the others of its batch. Several `contexts` are put together: distributions by their mean or by the vote of their likeliest ' +
    'answers, answers in words by a vote in which the task’s grader says what is one answer, numbers by their mean. The student is `M`, ' +
    'fine-tuned on `y′` and tested without examples.',
  source:
    'Somerstep et al. 2024 (arXiv 2405.16236), algorithm 1; UMich-FATML/w2s-refinement, get_intent_and_improve.py:117-124 (batches of 5 or 4)',
  leavesBehind: [
    'UMich-FATML/w2s-refinement cuts four characters off the end of its examples, two of which are the last ones of the last answer (`prompts_general.py:6`).',
    'UMich-FATML/w2s-refinement takes its questions from whichever weak model an earlier loop ended with (`get_intent_and_improve.py:87,108`).',
    'In its notebooks the refinement of llama’s answers is built from gemma’s prompt, one model’s scores are added up twice, and an example of MATH is shown twice.',
    'A failed call becomes `None` there and its item is dropped wherever any method failed; here the stage fails, says why, and goes on where it was.',
  ],
  parameters: z.object({
    examples: z
      .int()
      .min(1)
      .default(4)
      .describe("weakly labelled items before each question; never the question's own"),
    draw: z
      .enum(['drawn', 'batches'])
      .default('drawn')
      .describe('drawn: other items, for each question; batches: B in consecutive batches, as released'),
    contexts: z
      .int()
      .min(1)
      .default(1)
      .describe('independent draws of the examples, over which the answers are put together'),
    combine: z
      .enum(['mean', 'vote'])
      .default('mean')
      .describe('how distributions of several contexts are put together'),
    labels: z.enum(['soft', 'hard']).default('hard').describe('form of the refined labels'),
  }),
  evaluation: (cell, { labels, ...inContext }) =>
    cell.evaluate(
      cell.student({
        labels: cell.refine({ ...inContext, supervisor: cell.weakLabels() }),
        form: labels,
        loss: { name: 'cross-entropy' },
      }),
    ),
});
