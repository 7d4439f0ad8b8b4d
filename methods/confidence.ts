/** @file Auxiliary confidence loss: the student is also pulled towards its own confident answers. */
import { z } from 'zod';
import { defineMethod } from './method.js';

export const confidence = defineMethod({
  name: 'confidence',
  role: 'method',
  summary: "Fine-tune on a mix of the weak labels and the student's own hardened predictions.",
  source: 'Burns et al. 2023 (arXiv 2312.09390), section 4.3.2 and appendix A.4',
  parameters: z.object({
    alpha: z
      .number()
      .min(0)
      .max(1)
      .default(0.5)
      .describe("weight of the student's own predictions after the warm-up"),
    warmup: z
      .number()
      .min(0)
      .max(1)
      .default(0.1)
      .describe('share of the steps over which the weight rises linearly from 0 to alpha'),
    labels: z.enum(['soft', 'hard']).default('soft').describe('form of the weak labels'),
  }),
  evaluation: (cell, { alpha, warmup, labels }) =>
    cell.evaluate(
      cell.student({
        labels: cell.weakLabels(),
        form: labels,
        loss: { name: 'auxiliary-confidence', alpha, warmup },
      }),
    ),
});
