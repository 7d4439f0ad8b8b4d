/** @file Adaptive confidence: how far a student follows itself is decided item by item. */
import { z } from 'zod';
import type { Value } from '../onnx/graph.js';
import {
  add,
  argMax,
  detach,
  logSoftmax,
  mul,
  oneHot,
  reduceSum,
  sigmoid,
  sub,
} from '../onnx/operators/index.js';
import type { ChoiceLossInputs } from './definition/loss.js';
import { defineMethod } from './definition/method.js';
import { crossEntropyOf, negativeEntropyOf } from './loss-parts/divergences.js';
import { answersByChoice, softOrHard } from './loss-parts/options.js';
import { type LossParameters, numberIn } from './loss-parts/parameters.js';
import { warmedUp } from './loss-parts/warm-up.js';

export default defineMethod({
  name: 'adaptive-confidence',
  answers: answersByChoice,
  summary: "Fine-tune on the weak labels and the student's own answers, weighted item by item.",
  formula:
    '`L = (1 − a) KL(y ‖ p) + a CE(p, ŷ)` with `ŷ` the argmax of `p`, and for each item `a = w · e^{S/T} / (e^{S/T} + e^{W/T}) = w · σ((S − W) / T)`, where ' +
    '`S = CE(p, ŷ)`, `W = CE(p, argmax y)`, `T = temperature` and `w = min(1, s / warmup)`. `a` and `ŷ` are held fixed. Since `S ≤ W`, `a` is ½ where student and ' +
    'supervisor agree, and falls towards 0 as the student is surer that the supervisor is wrong.',
  source:
    'Guo et al. 2024 (arXiv 2402.03749), AdaptConf; ggjy/vision_weak_to_strong, classification/distillers/adaptconf.py (T 0.5; 4 on ImageNet), ' +
    'and its few-shot form for the warm-up (0.25)',
  leavesBehind: [
    'ggjy/vision_weak_to_strong adds the cross entropy against the ground truth of the same items (`--gt-loss-weight`, 1 by default); here there is no truth.',
    'ggjy/vision_weak_to_strong divides exponentials, which overflow float32 once a cross entropy is over 88 T (44 at its default): NaN.',
  ],
  parameters: z.object({
    temperature: z
      .number()
      .min(0.01)
      .default(0.5)
      .describe('T: how fast the weight falls where the two disagree'),
    warmup: z
      .number()
      .min(0)
      .max(1)
      .default(0)
      .describe("share of the steps over which the weight of the student's own answers rises to its whole"),
    labels: softOrHard,
  }),
  losses: { 'adaptive-confidence': { reads: 'choices', build: adaptiveConfidence } },
  evaluation: (cell, { temperature, warmup, labels }) =>
    cell.evaluate(
      cell.student({
        labels: cell.weakLabels(),
        form: labels,
        loss: { name: 'adaptive-confidence', temperature, warmup },
      }),
    ),
});

function adaptiveConfidence(inputs: ChoiceLossInputs, parameters: LossParameters): Value {
  const { logits, targets } = inputs;
  const classes = logits.shape[1] as number;
  const fixed = detach(logits);
  const logProbabilities = logSoftmax(fixed);
  const own = oneHot(argMax(fixed), classes); // [B, C]
  const weak = oneHot(argMax(targets), classes); // [B, C]
  // S − W = ln p of the supervisor's choice − ln p of the student's own, at most 0.
  const lead = reduceSum(mul(logProbabilities, sub(weak, own)), [1]); // [B]
  const weight = mul(
    sigmoid(mul(lead, 1 / numberIn(parameters, 'temperature'))),
    warmedUp(inputs, 1, parameters),
  ); // [B]
  const imitation = add(crossEntropyOf(targets, logits), negativeEntropyOf(targets)); // [B]
  return add(mul(imitation, sub(1, weight)), mul(crossEntropyOf(own, logits), weight));
}
