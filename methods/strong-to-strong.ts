/** @file Strong to strong: the student's labels teach a student of the same size, and so on. */
import { z } from 'zod';
import { defineMethod } from './definition/method.js';

export default defineMethod({
  name: 'strong-to-strong',
  summary:
    "Fine-tune on the weak labels, then fine-tune the strong model anew on that student's labels, and so on.",
  formula:
    '`S_0` is trained on the weak labels; `S_t`, from the pretrained strong model, on the labels that `S_{t−1}` gives B. ' +
    'The last one is measured.',
  source: 'EleutherAI/w2s, run.py (s2s_iters)',
  parameters: z.object({
    iterations: z.int().min(1).default(1).describe('students after the first'),
    labels: z.enum(['soft', 'hard']).default('soft').describe('form of the labels at every link'),
  }),
  evaluation: (cell, { iterations, labels: form }) => {
    const loss = { name: 'cross-entropy' };
    let student = cell.student({ labels: cell.weakLabels(), form, loss });
    for (let t = 0; t < iterations; t++) student = cell.student({ labels: cell.labels(student), form, loss });
    return cell.evaluate(student);
  },
});
