/** @file Errors at random, as many as the weak supervisor makes. */
import { z } from 'zod';
import { defineControl } from './definition/method.js';

export default defineControl({
  name: 'random-labels',
  summary:
    "The strong model fine-tuned on ground truth with errors at random, as many as the weak supervisor's.",
  source: 'Burns et al. 2023 (arXiv 2312.09390), section 5.1: how systematic the weak errors are',
  answers: ['next-token', 'classes', 'preference', 'text'],
  parameters: z.object({}),
  evaluation: (cell) =>
    cell.evaluate(
      cell.student({ labels: cell.randomErrors(), form: 'hard', loss: { name: 'cross-entropy' } }),
    ),
});
