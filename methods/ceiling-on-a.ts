/** @file The strong model trained on what the weak supervisor learnt from. */
import { z } from 'zod';
import { defineControl } from './definition/method.js';

export default defineControl({
  name: 'ceiling-on-a',
  summary:
    "The strong model fine-tuned on A's ground truth, that is, on what the weak supervisor learnt from.",
  source: 'openai/weak-to-strong, train_simple.py',
  leavesBehind: [
    'openai/weak-to-strong has two ceilings under one name: trained on A in `train_simple.py`, on B in `train_weak_to_strong.py`. ' +
      'Here the ceiling of PGR is the one on B, and this is a control beside it.',
  ],
  parameters: z.object({}),
  evaluation: (cell) => cell.evaluate(cell.ceiling('A')),
});
