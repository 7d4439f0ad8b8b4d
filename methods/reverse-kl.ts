/** @file Reverse KL: the student may leave out what the labels hold possible, and pays for what they exclude. */
import { z } from 'zod';
import type { Value } from '../onnx/graph.js';
import { add, log, max, mul, neg, reduceSum, softmax } from '../onnx/operators/index.js';
import type { ChoiceLossInputs } from './definition/loss.js';
import { defineMethod } from './definition/method.js';
import { crossEntropyOf, negativeEntropyOf, negativeEntropyOfLogits } from './loss-parts/divergences.js';
import { answersByChoice, softOrHard } from './loss-parts/options.js';
import { type LossParameters, numberIn } from './loss-parts/parameters.js';

export default defineMethod({
  name: 'reverse-kl',
  answers: answersByChoice,
  summary: "Fine-tune with the divergence from the weak labels to the student's distribution: mode-seeking.",
  formula:
    '`L = KL(p ‖ y′) = Σ_c p_c (ln p_c − ln y′_c)` with `y′_c = max(y_c, floor)`; with `term: cross-entropy` it is the reverse cross ' +
    'entropy, `−Σ_c p_c ln y′_c`. With `share: λ`, `λ` of it and `1 − λ` of the forward one (`KL(y ‖ p)`, or cross entropy). ' +
    "`p ln p` is taken from the logits' log-softmax, which is finite where `p` underflows to 0; `y` is not rescaled after the floor.",
  source:
    'Yao et al. 2025 (arXiv 2502.11107): reverse KL and reverse cross entropy; Xu et al. 2025 (arXiv 2505.24313): reverse cross entropy',
  leavesBehind: [
    'Without a floor, a hard label (or a soft one that is 0 in float32) makes the loss infinite, and the first such item ends a training; ' +
      'neither paper says what it does there, so the floor is a parameter here.',
  ],
  parameters: z.object({
    term: z
      .enum(['kl', 'cross-entropy'])
      .default('kl')
      .describe("kl: with the student's own entropy, which keeps it from certainty; cross-entropy: without"),
    share: z
      .number()
      .min(0)
      .max(1)
      .default(1)
      .describe('weight of the reverse term; the rest is the forward one'),
    floor: z
      .number()
      .min(1e-12)
      .max(0.1)
      .default(1e-4)
      .describe('least probability that a label is taken to give a choice'),
    labels: softOrHard,
  }),
  losses: { 'reverse-kl': { reads: 'choices', build: reverse } },
  evaluation: (cell, { term, share, floor, labels }) =>
    cell.evaluate(
      cell.student({
        labels: cell.weakLabels(),
        form: labels,
        loss: { name: 'reverse-kl', term, share, floor },
      }),
    ),
});

function reverse({ logits, targets }: ChoiceLossInputs, parameters: LossParameters): Value {
  const share = numberIn(parameters, 'share');
  const withEntropies = parameters['term'] === 'kl';
  const floored = log(max(targets, numberIn(parameters, 'floor'))); // [B, C]
  const across = neg(reduceSum(mul(softmax(logits), floored), [1])); // [B]
  const reversed = withEntropies ? add(across, negativeEntropyOfLogits(logits)) : across;
  if (share === 1) return reversed;
  const forward = crossEntropyOf(targets, logits);
  const whole = withEntropies ? add(forward, negativeEntropyOf(targets)) : forward;
  return add(mul(reversed, share), mul(whole, 1 - share));
}
