/** @file Product confidence: the student is pulled towards what it and the weak supervisor both hold likely. */
import { z } from 'zod';
import type { Value } from '../onnx/graph.js';
import { add, detach, logSoftmax, mul, softmax } from '../onnx/operators/index.js';
import type { ChoiceLossInputs } from './definition/loss.js';
import { defineMethod } from './definition/method.js';
import { crossEntropyOf, logOr } from './loss-parts/divergences.js';
import { answersByChoice, softOrHard } from './loss-parts/options.js';
import { type LossParameters, numberIn } from './loss-parts/parameters.js';

/** Stands for ln 0: its softmax is exactly 0 beside any logarithm of a probability, and no sum of it overflows. */
const never = -1e30;

export default defineMethod({
  name: 'product',
  answers: answersByChoice,
  summary: "Fine-tune on the normalised product of the weak labels and the student's own predictions.",
  formula:
    '`L = CE(p, t)` with `t_c = p_c^beta y_c^alpha / Σ_k p_k^beta y_k^alpha`, held fixed. Computed as `softmax(beta ln p + alpha ln y)`, so that it ' +
    'is defined wherever a choice has `y > 0`, however small `p` is; `0⁰ = 1`.',
  source: 'openai/weak-to-strong, weak_to_strong/loss.py:57-68: product_loss_fn (not in the paper)',
  leavesBehind: [
    'openai/weak-to-strong divides 0 by 0 where student and label exclude each other (`p` and `y` exactly 0 in turns), and the training goes on with NaN.',
    'openai/weak-to-strong stores `warmup_frac` and never uses it: there is no warm-up.',
  ],
  parameters: z.object({
    alpha: z.number().min(0).default(1).describe('exponent of the weak labels'),
    beta: z.number().min(0).default(1).describe("exponent of the student's own predictions"),
    labels: softOrHard,
  }),
  losses: { product: { reads: 'choices', build: product } },
  evaluation: (cell, { alpha, beta, labels }) =>
    cell.evaluate(
      cell.student({ labels: cell.weakLabels(), form: labels, loss: { name: 'product', alpha, beta } }),
    ),
});

function product({ logits, targets }: ChoiceLossInputs, parameters: LossParameters): Value {
  const alpha = numberIn(parameters, 'alpha');
  const own = mul(logSoftmax(detach(logits)), numberIn(parameters, 'beta')); // [B, C]
  const both = alpha === 0 ? own : add(own, mul(logOr(targets, never / alpha), alpha));
  return crossEntropyOf(softmax(both), logits);
}
