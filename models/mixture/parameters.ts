/** @file What a sweep says of a model of architecture `mixture`. */
import { z } from 'zod';

/** `{ architecture: mixture, … }`. */
export const mixtureParameters = z.object({
  knows: z
    .enum(['source', 'nothing'])
    .default('source')
    .describe(
      'source: every component of the source mixture, as after endless pretraining; nothing: it begins with its habit',
    ),
  habit: z
    .number()
    .min(0)
    .default(0)
    .describe(
      'length of what a model that knows nothing believes from the start: a regression at right angles to all ' +
        "components, towards which it shrinks (a weak supervisor's bias)",
    ),
  shrinkage: z
    .number()
    .min(0)
    .default(0.1)
    .describe('λ of fine-tuning: how strongly it holds on to what was believed before it (0 = not at all)'),
  noise: z
    .number()
    .min(0)
    .default(0)
    .describe('standard deviation of its answers around what it believes (0 = it says what it believes)'),
});

export type MixtureParameters = z.output<typeof mixtureParameters>;
