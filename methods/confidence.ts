/** @file Auxiliary confidence loss: the student is also pulled towards its own confident answers. */
import { z } from 'zod';
import type { Value } from '../onnx/graph.js';
import { add, detach, greater, mul, softmax, sub, where } from '../onnx/operators/index.js';
import type { ChoiceLossInputs } from './definition/loss.js';
import { defineMethod } from './definition/method.js';
import { crossEntropyOf } from './loss-parts/divergences.js';
import { balanced, hardened, rateOfSecond } from './loss-parts/hardening.js';
import { answersByChoice, balance, softOrHard } from './loss-parts/options.js';
import { type LossParameters, numberIn } from './loss-parts/parameters.js';
import { warmedUp, warmUpChoice, warmupSteps } from './loss-parts/warm-up.js';

export default defineMethod({
  name: 'confidence',
  answers: answersByChoice,
  summary: "Fine-tune on a mix of the weak labels and the student's own hardened predictions.",
  formula:
    '`L = CE(p, (1 − c) y + c ŷ)` with `c = alpha · min(1, s / warmup)`, `s` = step / steps. `ŷ` are the hardened predictions of the ' +
    'student itself, held fixed: with two classes `ŷ = [p₀ ≥ t, p₀ < t]`, `t` the quantile (interpolated linearly) of `p₀` over the whole batch ' +
    "below which the labels' mean share of class 1 lies, so that the balance of the classes is kept; with more classes the argmax. " +
    'With `balance`, `y ← softmax_c(ln y_c − mean_batch ln y_c)` first, and `t` is the median. ' +
    'With `compatibility: openai`, `c = alpha · (1 if s > warmup else s)`.',
  source:
    'Burns et al. 2023 (arXiv 2312.09390), section 4.3.2 and appendix A.4 (alpha 0.75 for its largest students, else 0.5); ' +
    'balance and a warm-up counted in steps: EleutherAI/w2s, w2s/loss.py',
  leavesBehind: [
    'openai/weak-to-strong jumps at the end of the warm-up, with its defaults from 0.05 to 0.5 (`weak_to_strong/loss.py:88-91`, pull request 33); ' +
      '`compatibility: openai` has that.',
    'EleutherAI/w2s takes the quantile over a rolling buffer of the last 32 predictions of earlier, different models, and 0.5 for the share ' +
      'where a micro-batch is one item (`w2s/loss.py:122-130`); the buffer of the caller grows without bound. Here it is that of the whole logical batch.',
    'The released losses fail on more than two classes.',
  ],
  refuses: (_task, { compatibility, 'warmup-steps': counted }) =>
    compatibility === 'openai' && counted !== undefined
      ? 'compatibility: openai counts its warm-up as a share of the steps: leave out warmup-steps, or the compatibility'
      : undefined,
  parameters: z.object({
    alpha: z
      .number()
      .min(0)
      .max(1)
      .default(0.5)
      .describe("weight of the student's own predictions after the warm-up"),
    warmup: z
      .number()
      .min(0)
      .max(1)
      .default(0.1)
      .describe('share of the steps over which the weight rises linearly from 0 to alpha'),
    'warmup-steps': warmupSteps,
    balance,
    compatibility: z
      .enum(['none', 'openai'])
      .default('none')
      .describe('openai: the released warm-up, which rises to alpha · warmup and then jumps to alpha'),
    labels: softOrHard,
  }),
  losses: { 'auxiliary-confidence': { reads: 'choices', build: auxiliaryConfidence } },
  evaluation: (cell, { alpha, labels, balance: balances, compatibility, ...warmUp }) =>
    cell.evaluate(
      cell.student({
        labels: cell.weakLabels(),
        form: labels,
        // Part of a key: what is as it always was is left out.
        loss: {
          name: 'auxiliary-confidence',
          alpha,
          ...warmUpChoice(warmUp),
          ...(balances ? { balance: true } : {}),
          ...(compatibility === 'none' ? {} : { compatibility }),
        },
      }),
    ),
});

function auxiliaryConfidence(inputs: ChoiceLossInputs, parameters: LossParameters): Value {
  const { graph, logits, targets } = inputs;
  const balances = parameters['balance'] === true;
  const labels = balances ? balanced(targets) : targets; // [B, C]
  const own = hardened(softmax(detach(logits)), balances ? graph.scalar(0.5) : rateOfSecond(targets)); // [B, C]
  const weight = weightOf(inputs, parameters);
  return crossEntropyOf(add(mul(labels, sub(1, weight)), mul(own, weight)), logits);
}

function weightOf(inputs: ChoiceLossInputs, parameters: LossParameters): Value {
  const alpha = numberIn(parameters, 'alpha');
  if (parameters['compatibility'] !== 'openai') return warmedUp(inputs, alpha, parameters);
  const { progress } = inputs;
  return where(greater(progress, numberIn(parameters, 'warmup')), alpha, mul(progress, alpha));
}
