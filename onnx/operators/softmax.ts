/** @file Softmax, its logarithm, and the cross entropy of both. */
import type { Value } from '../graph.js';
import { normalizeAxis } from '../shape.js';
import { composite, need, operator } from './define.js';
import { add, exp, mul, neg, sub } from './elementwise.js';
import { gatherElements } from './gather.js';
import { reduceSum } from './reduction.js';
import { reshape, unsqueeze } from './reshape.js';
import { scatterElements } from './scatter.js';

type Axis = { axis: number };

export const Softmax = operator<Axis>({
  name: 'Softmax',
  attributes: { axis: 'int' },
  defaults: { axis: -1 },
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
  defaults: { axis: -1 },
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
    const logProbabilities = need(outputs, 1);
    const [loss, also] = gradients;
    const ofLogProbabilities = (dy: Value) => sub(dy, mul(exp(logProbabilities), reduceSum(dy, [-1], true)));
    if (loss === undefined) return [ofLogProbabilities(need(gradients, 1)), undefined];
    const dy = unsqueeze(loss, -1);
    const dx = scatterElements(mul(exp(logProbabilities), dy), targets, neg(dy), 1, 'add');
    return [also === undefined ? dx : add(dx, ofLogProbabilities(also)), undefined];
  },
});

/** Cross entropy of rows of logits [n, classes] against class numbers [n] → [n]. */
export function crossEntropy(logits: Value, targets: Value): Value {
  return crossEntropyParts(logits, targets).loss;
}

/** {@link crossEntropy}, and the logarithms of all probabilities [n, classes] that it comes by. */
export function crossEntropyParts(logits: Value, targets: Value): { loss: Value; logProbabilities: Value } {
  const outputs = logits.graph.emitComposite(CrossEntropy, [logits, targets], {});
  return { loss: outputs[0] as Value, logProbabilities: outputs[1] as Value };
}
