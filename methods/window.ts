/** @file Confidence window: only items that the student is still unsure of are learnt from. */
import { z } from 'zod';
import type { Value } from '../onnx/graph.js';
import { detach, less, reduceMax, softmax, where } from '../onnx/operators/index.js';
import type { ChoiceLossInputs } from './definition/loss.js';
import { defineMethod } from './definition/method.js';
import { crossEntropyOf } from './loss-parts/divergences.js';
import { answersByChoice, softOrHard } from './loss-parts/options.js';
import { type LossParameters, numberIn } from './loss-parts/parameters.js';

export default defineMethod({
  name: 'window',
  answers: answersByChoice,
  summary: 'Fine-tune on the weak labels of those items alone that the student is unsure of.',
  formula:
    '`L = CE(p, y)` where `max_c p_c < 0.5 + radius`, else 0; the mean is over all items of the batch, those left out included. ' +
    '`radius: midweak` is the median of `max_c y_c − 0.5` (with two classes, `|y − 0.5|`) over all labels that are trained on; of an even number, the lower one of the middle two.',
  source: 'EleutherAI/w2s, w2s/loss.py:50-73 and w2s/sft.py:239-242',
  leavesBehind: [
    'EleutherAI/w2s writes the radius "midweak" back into the configuration that it was given, so that a second training of the same ' +
      'process takes the first one’s number.',
  ],
  parameters: z.object({
    radius: z
      .union([z.number().min(0).max(0.5), z.literal('midweak')])
      .default(0.15)
      .describe('how far from even a student may be and still learn from an item, or midweak'),
    labels: softOrHard,
  }),
  losses: { window: { reads: 'choices', build: window, settle } },
  evaluation: (cell, { radius, labels }) =>
    cell.evaluate(
      cell.student({ labels: cell.weakLabels(), form: labels, loss: { name: 'window', radius } }),
    ),
});

function window({ logits, targets }: ChoiceLossInputs, parameters: LossParameters): Value {
  const surest = reduceMax(softmax(detach(logits)), [1]); // [B]
  const inside = less(surest, 0.5 + numberIn(parameters, 'radius'));
  return where(inside, crossEntropyOf(targets, logits), 0);
}

function settle(parameters: LossParameters, targets: readonly (readonly number[])[]): LossParameters {
  if (parameters['radius'] !== 'midweak') return parameters;
  const confidences = targets.map((target) => Math.max(...target) - 0.5).sort((a, b) => a - b);
  // PyTorch's median: of an even number of values, the lower one of those in the middle.
  const median = confidences[Math.floor((confidences.length - 1) / 2)];
  if (median === undefined) throw new RangeError('there is no label whose confidence could be the window');
  return { ...parameters, radius: median };
}
