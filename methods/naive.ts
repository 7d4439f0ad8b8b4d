/** @file Naive fine-tuning: the student imitates the weak labels as they are. */
import { z } from 'zod';
import type { LossBuilder } from '../models/training.js';
import { logSoftmax, mul, neg, reduceMean, reduceSum } from '../onnx/operators/index.js';
import { defineMethod } from './method.js';

export const naive = defineMethod({
  name: 'naive',
  role: 'method',
  summary: 'Fine-tune the strong model on the weak labels with cross entropy.',
  source: 'Burns et al. 2023 (arXiv 2312.09390), section 3: naive fine-tuning',
  parameters: z.object({
    labels: z
      .enum(['soft', 'hard'])
      .default('soft')
      .describe("soft: the weak supervisor's whole distribution; hard: its most likely answer"),
  }),
  evaluation: (cell, { labels }) =>
    cell.evaluate(cell.student({ labels: cell.weakLabels(), form: labels, loss: { name: 'cross-entropy' } })),
});

/** Cross entropy against the labels' distribution, mean over the batch: −Σ_c y_c log p_c. */
export const crossEntropyLoss: LossBuilder = (_graph, { logits, targets }) =>
  neg(reduceMean(reduceSum(mul(targets, logSoftmax(logits)), [1])));
