/** @file How far two distributions over the same choices are apart, one number an item; finite also at exactly 0 and 1. */
import type { Value } from '../../onnx/graph.js';
import {
  greater,
  log,
  logSoftmax,
  max,
  mul,
  neg,
  reduceSum,
  softmax,
  where,
} from '../../onnx/operators/index.js';

/** So little that it is below any probability a float32 softmax puts out, and still a number in float32. */
const tiny = 1e-37;

/** −Σ_c y_c ln p_c: targets y [B, C] and logits of p [B, C] → [B]. The logarithm of p is finite even where p is not. */
export function crossEntropyOf(targets: Value, logits: Value): Value {
  return neg(reduceSum(mul(targets, logSoftmax(logits)), [1]));
}

/** Σ_c y_c ln y_c of fixed distributions [B, C] → [B], with 0 ln 0 = 0. */
export function negativeEntropyOf(targets: Value): Value {
  return reduceSum(mul(targets, log(max(targets, tiny))), [1]);
}

/** Σ_c p_c ln p_c of the distributions that logits [B, C] stand for → [B]; differentiated through both factors. */
export function negativeEntropyOfLogits(logits: Value): Value {
  return reduceSum(mul(softmax(logits), logSoftmax(logits)), [1]);
}

/** ln y [B, C], and `instead` where y is 0. */
export function logOr(targets: Value, instead: number): Value {
  return where(greater(targets, 0), log(max(targets, tiny)), instead);
}
