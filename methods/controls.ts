/** @file What every method has to be compared with, run as trials of its own. */
import { z } from 'zod';
import { defineControl } from './method.js';

export const zeroShot = defineControl({
  name: 'zero-shot',
  role: 'control',
  requires: 'next-token',
  summary: 'The strong model as pretrained, without any fine-tuning.',
  source: 'Burns et al. 2023 (arXiv 2312.09390), section 5.2',
  parameters: z.object({}),
  evaluation: (cell) => cell.evaluate(cell.strong()),
});

export const zeroExamples = defineControl({
  name: 'zero-examples',
  role: 'control',
  requires: 'next-token',
  summary:
    "k = 0: the strong model fine-tuned on its own zero-shot labels, so that what refinement owes to the strong model's prior is seen.",
  source: 'asked for by reviewers of arXiv 2405.16236: refinement without weak labels',
  parameters: z.object({
    labels: z.enum(['soft', 'hard']).default('hard').describe("form of the strong model's own labels"),
  }),
  evaluation: (cell, { labels }) =>
    cell.evaluate(
      cell.student({
        labels: cell.refine({ examples: 0, contexts: 1, supervisor: [] }),
        form: labels,
        loss: { name: 'cross-entropy' },
      }),
    ),
});

export const randomLabels = defineControl({
  name: 'random-labels',
  role: 'control',
  summary:
    "The strong model fine-tuned on ground truth with errors at random, as many as the weak supervisor's.",
  source: 'Burns et al. 2023 (arXiv 2312.09390), section 5.1: how systematic the weak errors are',
  parameters: z.object({}),
  evaluation: (cell) =>
    cell.evaluate(
      cell.student({ labels: cell.randomErrors(), form: 'hard', loss: { name: 'cross-entropy' } }),
    ),
});

export const ceilingOnA = defineControl({
  name: 'ceiling-on-a',
  role: 'control',
  summary:
    "The strong model fine-tuned on A's ground truth, that is, on what the weak supervisor learnt from.",
  source: 'openai/weak-to-strong, train_simple.py',
  parameters: z.object({}),
  evaluation: (cell) => cell.evaluate(cell.ceiling('A')),
});
