/** @file Softmax, its logarithm, and the cross entropy of both. */
import type { Value } from '../graph.js';
import { normalizeAxis } from '../shape.js';
import { composite, need, operator } from './define.js';
import { exp, mul, neg, sub } from './elementwise.js';
import { gatherElements } from './gather.js';
import { reduceSum } from './reduction.js';
import { reshape, unsqueeze } from './reshape.js';
import { scatterElements } from './scatter.js';

type Axis = { axis: number };

export const Softmax = operator<Axis>({
  name: 'Softmax',
  attributes: { axis: 'int' },
  infer: ({ inputs }) => [need(inputs, 0)],
  gradient: ({ outputs, gradients, attributes: { axis } }) => {
    const [y, dy] = [need(outputs, 0), need(gradients, 0)];
    const weighted = mul(dy, y);
    return [sub(weighted, mul(y, reduceSum(weighted, [axis], true)))];
  },
});

export const LogSoftmax = operator<Axis>({
  name: 'LogSoftmax',
  attributes: { axis: 'int' },
  infer: ({ inputs }) => [need(inputs, 0)],
  gradient: ({ outputs, gradients, attributes: { axis } }) => {
    const [y, dy] = [need(outputs, 0), need(gradients, 0)];
    return [sub(dy, mul(exp(y), reduceSum(dy, [axis], true)))];
  },
});

/** Probabilities along an axis. */
export function softmax(x: Value, axis = -1): Value {
  return x.graph.emitOne(Softmax, [x], { axis: normalizeAxis(axis, x.shape.length) });
}

/** Logarithms of probabilities along an axis. */
export function logSoftmax(x: Value, axis = -1): Value {
  return x.graph.emitOne(LogSoftmax, [x], { axis: normalizeAxis(axis, x.shape.length) });
}

/**
 * −log softmax(logits)[target] for each row: logits [n, classes], targets [n] → [n].
 *
 * Differentiated as a whole, softmax − one-hot, since the chain rule over its parts would go over the
 * logits, the widest tensor of a language model, twice as often.
 */
export const CrossEntropy = composite({
  name: 'CrossEntropy',
  expand: ({ inputs }) => {
    const [logits, targets] = [need(inputs, 0), need(inputs, 1)];
    const logProbabilities = logSoftmax(logits, -1);
    const chosen = gatherElements(logProbabilities, unsqueeze(targets, -1), -1);
    return [neg(reshape(chosen, targets.shape)), logProbabilities];
  },
  gradient: ({ inputs, outputs, gradients }) => {
    const targets = unsqueeze(need(inputs, 1), -1);
    const dy = unsqueeze(need(gradients, 0), -1);
    return [scatterElements(mul(exp(need(outputs, 1)), dy), targets, neg(dy), 1, 'add'), undefined];
  },
});

/** Cross entropy of rows of logits [n, classes] against class numbers [n] → [n]. */
export function crossEntropy(logits: Value, targets: Value): Value {
  return logits.graph.emitComposite(CrossEntropy, [logits, targets], {})[0] as Value;
}
