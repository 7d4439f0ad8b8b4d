/** @file Infer-and-respond: the strong model names the style of weak answers, then answers in it. */
import { z } from 'zod';
import { defineMethod } from './definition/method.js';
import { inferTemplate, respondTemplate } from './refinement/prompts.js';

export default defineMethod({
  name: 'infer-and-respond',
  summary:
    'Let the strong model say which style the weak answers share, let it answer B in that style, and fine-tune it on that.',
  formula:
    '`c_S = M(infer(S))` for a set `S` of questions and weak answers; `r_i = M(respond(c_S, q_i))`; fine-tune `M` on `(q_i, r_i)`. ' +
    'With `batches`, `S` is the consecutive batch that `i` stands in, its own weak answer among the others; with `drawn`, ' +
    'others drawn for each question. With several contexts the most frequent answer is taken.',
  source:
    'Somerstep et al. 2024 (arXiv 2405.16236), algorithm 2; UMich-FATML/w2s-refinement, get_intent_and_improve.py:43-70,110-115',
  leavesBehind: [
    'The released code goes through the questions of whichever weak model an earlier loop ended with; here each supervisor has its own.',
    'Its instructions are for chat models; the default prompts are texts to be continued, with the same fields in the same order.',
  ],
  answers: ['text'],
  parameters: z.object({
    examples: z.int().min(1).default(5).describe('weak answers from which a style is inferred'),
    draw: z
      .enum(['batches', 'drawn'])
      .default('batches')
      .describe('batches: B in consecutive batches, as published; drawn: other items, for each question'),
    contexts: z
      .int()
      .min(1)
      .default(1)
      .describe('independent sets of examples, over whose answers a vote is taken'),
    infer: z
      .string()
      .default(inferTemplate)
      .describe('how the style is asked for; Jinja: examples (question, answer)'),
    respond: z
      .string()
      .default(respondTemplate)
      .describe('how the answer is asked for; Jinja: style, question'),
  }),
  evaluation: (cell, { examples, draw, contexts, infer, respond }) =>
    cell.evaluate(
      cell.student({
        labels: cell.refine({
          procedure: 'infer-and-respond',
          supervisor: cell.weakLabels(),
          examples,
          contexts,
          draw,
          prompts: { infer, respond },
        }),
        form: 'hard',
        loss: { name: 'cross-entropy' },
      }),
    ),
});
