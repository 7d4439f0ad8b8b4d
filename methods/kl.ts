/** @file KL: cross entropy less what the labels themselves leave open. */
import { z } from 'zod';
import { add } from '../onnx/operators/index.js';
import { defineMethod } from './definition/method.js';
import { answersByChoice, softOrHard } from './loss-parts/options.js';
import { crossEntropyOf, negativeEntropyOf } from './loss-parts/divergences.js';

export default defineMethod({
  name: 'kl',
  answers: answersByChoice,
  summary: "Fine-tune on the weak labels with the divergence from the student's distribution to theirs.",
  formula:
    '`L = KL(y ‖ p) = Σ_c y_c (ln y_c − ln p_c)`, with `0 ln 0 = 0`. Its gradient is that of cross entropy; its minimum is 0, ' +
    "where that of cross entropy is the labels' entropy, so that curves of the loss can be compared across supervisors.",
  source: 'EleutherAI/w2s, w2s/loss.py: kl_divergence_loss (`batchmean`)',
  parameters: z.object({ labels: softOrHard }),
  losses: {
    kl: {
      reads: 'choices',
      build: ({ logits, targets }) => add(crossEntropyOf(targets, logits), negativeEntropyOf(targets)),
    },
  },
  evaluation: (cell, { labels }) =>
    cell.evaluate(cell.student({ labels: cell.weakLabels(), form: labels, loss: { name: 'kl' } })),
});
