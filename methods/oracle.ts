/** @file The best answers there are, on tasks that know how their data were made. */
import { z } from 'zod';
import { defineControl } from './definition/method.js';

export default defineControl({
  name: 'oracle',
  summary: 'The answers of whoever knows how the data were made: no model can be better on average.',
  source: 'the task: the Bayes predictor of its generator',
  parameters: z.object({}),
  refuses: ({ hasOracle, definition }) =>
    hasOracle ? undefined : `nobody knows the best answers to ${definition}`,
  evaluation: (cell) => cell.evaluateOracle(),
});
