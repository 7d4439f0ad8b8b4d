/** @file Entropy: the student is also pulled towards certainty, whichever way it leans. */
import { z } from 'zod';
import type { Value } from '../onnx/graph.js';
import { add, detach, mul, softmax, sub } from '../onnx/operators/index.js';
import type { ChoiceLossInputs } from './definition/loss.js';
import { defineMethod } from './definition/method.js';
import { crossEntropyOf, negativeEntropyOfLogits } from './loss-parts/divergences.js';
import { balanced } from './loss-parts/hardening.js';
import { answersByChoice, balance, softOrHard } from './loss-parts/options.js';
import { type LossParameters, numberIn } from './loss-parts/parameters.js';
import { warmedUp, warmUpChoice, warmupSteps } from './loss-parts/warm-up.js';

export default defineMethod({
  name: 'entropy',
  answers: answersByChoice,
  summary: "Fine-tune on the weak labels while the entropy of the student's own predictions is made small.",
  formula:
    '`L = (1 − c) CE(p, y) + c H(p)` with `H(p) = −Σ_c p_c ln p_c` and `c = alpha · min(1, s / warmup)`, `s` = step / steps: the confidence loss with `p` itself ' +
    'in the place of its hardened form. With `compatibility: eleutherai`, `c CE(p, p̄)` with `p̄ = p` held fixed: the same value, without its gradient.',
  source:
    'EleutherAI/w2s, w2s/loss.py: log_confidence_loss with harden = False; entropy minimisation: Grandvalet and Bengio 2004',
  leavesBehind: [
    'EleutherAI/w2s holds `p` fixed in the target of its "entropy" loss (`w2s/loss.py:138-140`). The gradient of `CE(p, p̄)` at `p̄ = p` is exactly 0, so that ' +
      'the term does nothing but take its share from the cross entropy: `∂L/∂z = (1 − c)(p − y)`. `compatibility: eleutherai` has that.',
  ],
  parameters: z.object({
    alpha: z.number().min(0).max(1).default(0.5).describe('weight of the entropy after the warm-up'),
    warmup: z
      .number()
      .min(0)
      .max(1)
      .default(0.1)
      .describe('share of the steps over which the weight rises linearly from 0 to alpha'),
    'warmup-steps': warmupSteps,
    balance,
    compatibility: z
      .enum(['none', 'eleutherai'])
      .default('none')
      .describe('eleutherai: the released form, whose entropy has no gradient'),
    labels: softOrHard,
  }),
  losses: { entropy: { reads: 'choices', build: entropy } },
  evaluation: (cell, { alpha, labels, balance: balances, compatibility, ...warmUp }) =>
    cell.evaluate(
      cell.student({
        labels: cell.weakLabels(),
        form: labels,
        loss: {
          name: 'entropy',
          alpha,
          ...warmUpChoice(warmUp),
          ...(balances ? { balance: true } : {}),
          ...(compatibility === 'none' ? {} : { compatibility }),
        },
      }),
    ),
});

function entropy(inputs: ChoiceLossInputs, parameters: LossParameters): Value {
  const { logits, targets } = inputs;
  const labels = parameters['balance'] === true ? balanced(targets) : targets; // [B, C]
  const weight = warmedUp(inputs, numberIn(parameters, 'alpha'), parameters);
  const own =
    parameters['compatibility'] === 'eleutherai'
      ? crossEntropyOf(softmax(detach(logits)), logits)
      : mul(negativeEntropyOfLogits(logits), -1); // [B]
  return add(mul(crossEntropyOf(labels, logits), sub(1, weight)), mul(own, weight));
}
