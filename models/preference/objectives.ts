/** @file What the losses over pairs have in common: means of log-probabilities, odds, and how a difference is taught. */
import type { Value } from '../../onnx/graph.js';
import {
  add,
  div,
  exp,
  log,
  max,
  min,
  mul,
  neg,
  relu,
  reduceSum,
  reshape,
  slice,
  sub,
  tanh,
} from '../../onnx/operators/index.js';

/** The first candidate's number less the second's: [P, 2] → [P]. */
export function difference(candidates: Value): Value {
  const pairs = candidates.shape[0] as number;
  const column = (index: number) => reshape(slice(candidates, 1, index, index + 1), [pairs]);
  return sub(column(0), column(1));
}

/**
 * The Bradley–Terry model's cross entropy of each pair, [P]: −t₀·ln σ(d − m) − t₁·ln σ(−d − m), with d the difference by
 * which the first is preferred, t how likely each is the better one, and m a margin by which the better one is to win.
 */
export function bradleyTerry(differences: Value, targets: Value, margin = 0): Value {
  const pairs = differences.shape[0] as number;
  const losing = [sub(margin, differences), add(margin, differences)]; // −ln σ(x) = softplus(−x)
  const both = losing.map((x, index) =>
    mul(reshape(slice(targets, 1, index, index + 1), [pairs]), tailedSoftplus(x)),
  );
  return add(both[0] as Value, both[1] as Value);
}

/**
 * ln(1 + exp x) = max(x, 0) + ln(1 + exp(−|x|)), whose gradient keeps its digits where it is small, as ONNX Runtime's Sigmoid
 * does not: ORPO multiplies it with the slope of odds, which may be large. Where x is 0 the gradient is a half, for
 * Relu's is 0 there and Min takes its first.
 */
function tailedSoftplus(x: Value): Value {
  return add(relu(x), log(add(exp(min(x, neg(x))), 1)));
}

/** Mean of ln p over a response's tokens, [P, 2]; 0 where there are none. */
export function meanLogProbabilities(logProbabilities: Value, lengths: Value): Value {
  return mul(div(logProbabilities, max(lengths, 1)), min(lengths, 1));
}

/** A mean of ln p is taken to be below this: at 0 the odds would be infinite. */
const certain = -1e-6;

/**
 * ln(p / (1 − p)) of ln p, [P, 2]. With t = tanh(−ln p / 2), 1 − p = 2t / (1 + t), which keeps its digits where p is nearly
 * one, as 1 − exp(ln p) in float32 does not.
 */
export function logOdds(logProbabilities: Value): Value {
  const below = min(logProbabilities, certain);
  const t = tanh(mul(below, -0.5));
  return add(sub(below, log(mul(t, 2))), log(add(t, 1)));
}

/** −mean ln p of a pair's responses, each as far as it is the better one: [P]. */
export function betterLikelihood(means: Value, targets: Value): Value {
  return neg(reduceSum(mul(targets, means), [1]));
}
