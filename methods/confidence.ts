/** @file Auxiliary confidence loss: the student is also pulled towards its own confident answers. */
import { z } from 'zod';
import type { LossBuilder } from '../models/training.js';
import type { Value } from '../onnx/graph.js';
import {
  add,
  argMax,
  cast,
  ceil,
  concat,
  detach,
  floor,
  gather,
  greaterOrEqual,
  less,
  logSoftmax,
  min,
  mul,
  neg,
  oneHot,
  reduceMean,
  reduceSum,
  reshape,
  slice,
  softmax,
  sub,
  topK,
} from '../onnx/operators/index.js';
import { defineMethod, type LossChoice } from './method.js';

export const confidence = defineMethod({
  name: 'confidence',
  role: 'method',
  summary: "Fine-tune on a mix of the weak labels and the student's own hardened predictions.",
  source: 'Burns et al. 2023 (arXiv 2312.09390), section 4.3.2 and appendix A.4',
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
    labels: z.enum(['soft', 'hard']).default('soft').describe('form of the weak labels'),
  }),
  evaluation: (cell, { alpha, warmup, labels }) =>
    cell.evaluate(
      cell.student({
        labels: cell.weakLabels(),
        form: labels,
        loss: { name: 'auxiliary-confidence', alpha, warmup },
      }),
    ),
});

/**
 * L = CE(p, (1 − c)·y + c·ŷ) with ŷ the student's own predictions, hardened and detached, and c rising linearly from
 * 0 to alpha over the warm-up (the released code jumps to alpha at the warm-up's end instead: openai/weak-to-strong,
 * pull request 33). With two classes the threshold between them is the quantile of the batch that keeps the share of
 * classes that the weak labels have, so that the student cannot become confident in one class alone; with more, the
 * hardened prediction is the argmax.
 */
export function auxiliaryConfidenceLoss({ alpha, warmup }: LossChoice): LossBuilder {
  return (graph, { logits, targets, progress }) => {
    const weight =
      warmup === 0
        ? graph.scalar(Number(alpha))
        : mul(min(mul(progress, 1 / Number(warmup)), 1), Number(alpha));
    const own = hardened(detach(softmax(logits)), targets); // [B, C]
    const mixed = add(mul(targets, sub(1, weight)), mul(own, weight)); // [B, C]
    return neg(reduceMean(reduceSum(mul(mixed, logSoftmax(logits)), [1])));
  };
}

/** One-hot predictions [B, C]. */
function hardened(probabilities: Value, targets: Value): Value {
  const [batch, classes] = probabilities.shape as [number, number];
  if (classes !== 2) return oneHot(argMax(probabilities), classes);
  const first = reshape(slice(probabilities, 1, 0, 1), [batch]); // [B]
  const share = reduceMean(slice(targets, 1, 1, 2)); // weak rate of class 1: that much lies below the threshold
  const threshold = quantile(first, share, batch);
  const isFirst = reshape(cast(greaterOrEqual(first, threshold), 'float32'), [batch, 1]);
  const isSecond = reshape(cast(less(first, threshold), 'float32'), [batch, 1]);
  return concat([isFirst, isSecond], 1);
}

/** The q-quantile of `values` [n], interpolated linearly between neighbours (numpy's and PyTorch's default). */
function quantile(values: Value, q: Value, n: number): Value {
  const sorted = topK(values, n, 0, false).values; // ascending
  const position = mul(reshape(q, []), n - 1);
  const below = floor(position);
  const at = (place: Value): Value => gather(sorted, cast(place, 'int64'));
  return add(at(below), mul(sub(position, below), sub(at(ceil(position)), at(below))));
}
