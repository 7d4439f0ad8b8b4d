/** @file Turning a student's probabilities into hard predictions that keep the balance of the classes. */
import type { Value } from '../../onnx/graph.js';
import {
  add,
  argMax,
  cast,
  ceil,
  clip,
  concat,
  floor,
  gather,
  greaterOrEqual,
  less,
  log,
  mul,
  oneHot,
  reduceMean,
  reshape,
  slice,
  softmax,
  sub,
  topK,
} from '../../onnx/operators/index.js';

/** EleutherAI/w2s adds so much to a probability before it takes its logarithm. */
const logSmoothing = 1e-7;

/**
 * One-hot predictions [B, C] from probabilities [B, C]. With two classes the threshold between them is the quantile of
 * the batch below which a share of `second` lies (scalar: the rate of the second class), so that a student cannot
 * become confident in one class alone; with more, the prediction is the argmax.
 */
export function hardened(probabilities: Value, second: Value): Value {
  const [batch, classes] = probabilities.shape as [number, number];
  if (classes !== 2) return oneHot(argMax(probabilities), classes);
  const first = reshape(slice(probabilities, 1, 0, 1), [batch]); // [B]
  const threshold = quantile(first, second, batch);
  const isFirst = reshape(cast(greaterOrEqual(first, threshold), 'float32'), [batch, 1]);
  const isSecond = reshape(cast(less(first, threshold), 'float32'), [batch, 1]);
  return concat([isFirst, isSecond], 1);
}

/** The rate of the second class among labels [B, C]; scalar. With more than two classes nobody asks for it. */
export function rateOfSecond(targets: Value): Value {
  return reshape(reduceMean(slice(targets, 1, 1, 2)), []);
}

/**
 * Labels [B, C] whose mean log-odds over the batch are those of even classes: softmax_c(ln y_c − mean_batch ln y_c).
 * With two classes it is σ(logit y − mean logit y), `balance_batch` of EleutherAI/w2s.
 */
export function balanced(targets: Value): Value {
  const logs = log(add(targets, logSmoothing)); // [B, C]
  return softmax(sub(logs, reduceMean(logs, [0], true)));
}

/** The q-quantile of `values` [n], interpolated linearly between neighbours (numpy's and PyTorch's default). */
function quantile(values: Value, q: Value, n: number): Value {
  const sorted = topK(values, n, 0, false).values; // ascending
  // A mean of ones may come out a little over 1.
  const position = clip(mul(q, n - 1), 0, n - 1);
  const below = floor(position);
  const at = (place: Value): Value => gather(sorted, cast(place, 'int64'));
  return add(at(below), mul(sub(position, below), sub(at(ceil(position)), at(below))));
}
