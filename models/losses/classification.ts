/** @file Losses of rows: classes, given or as probabilities; any of several; a number. transformers' problem types. */
import type { Value } from '../../onnx/graph.js';
import {
  argMax,
  cast,
  crossEntropy,
  div,
  equal,
  logSoftmax,
  max,
  mul,
  neg,
  reduceSum,
  softplus,
  sub,
} from '../../onnx/operators/index.js';
import type { Loss } from '../../onnx/program.js';
import { ignoredLabel, type RowLoss, type TuningRow } from './loss.js';

/** Cross entropy of one class a row (single_label_classification); rows of class −100 do not count. */
export function classLoss(classes: number): RowLoss {
  return {
    reads: 'rows',
    outputs: classes,
    inputs: ({ batch }) => [
      { name: 'classes', dtype: 'int64', shape: [batch] },
      { name: 'weights', dtype: 'float32', shape: [batch] },
    ],
    collate: (rows, { batch }) => {
      const labels = new BigInt64Array(batch);
      const weights = new Float32Array(batch);
      rows.forEach(({ target }, row) => {
        if (target === ignoredLabel) return;
        if (typeof target !== 'number' || !Number.isInteger(target) || target < 0 || target >= classes) {
          throw new RangeError(
            `row ${row} of the batch has the class ${shown(target)}: a whole number from 0 to ${classes - 1} was ` +
              `expected, or ${ignoredLabel}`,
          );
        }
        labels[row] = BigInt(target);
        weights[row] = 1;
      });
      return { classes: labels, weights };
    },
    build: ({ logits, inputs }) => {
      const [labels, weights] = [inputs('classes'), inputs('weights')];
      const losses = crossEntropy(logits, labels); // [B]
      return meanOf(losses, weights, equal(argMax(logits), labels));
    },
  };
}

/** Cross entropy with probabilities of the classes, −Σ p·log q: labels that somebody is not sure of. */
export function softClassLoss(classes: number): RowLoss {
  return {
    ...targetsOf(classes),
    build: ({ logits, inputs }) => {
      const targets = inputs('targets');
      const losses = neg(reduceSum(mul(targets, logSoftmax(logits)), [1])); // [B]
      return meanOf(losses, inputs('weights'), equal(argMax(logits), argMax(targets)));
    },
  };
}

/** Binary cross entropy of each class by itself (multi_label_classification), averaged over rows and classes. */
export function multiLabelLoss(classes: number): RowLoss {
  return {
    ...targetsOf(classes),
    build: ({ logits, inputs }) => {
      const losses = sub(softplus(logits), mul(logits, inputs('targets'))); // [B, C]: ln(1 + eˣ) − x·y
      return meanOf(div(reduceSum(losses, [1]), classes), inputs('weights'));
    },
  };
}

/** Squared error of one number or several (regression), averaged over rows and numbers. */
export function squaredErrorLoss(outputs = 1): RowLoss {
  return {
    ...targetsOf(outputs),
    build: ({ logits, inputs }) => {
      const error = sub(logits, inputs('targets')); // [B, outputs]
      return meanOf(div(reduceSum(mul(error, error), [1]), outputs), inputs('weights'));
    },
  };
}

/** Losses [B] summed up where rows count, and how many agree with their target. */
function meanOf(losses: Value, weights: Value, agrees?: Value): Loss {
  const count = reduceSum(weights);
  const total = reduceSum(mul(losses, weights));
  if (agrees === undefined) return { total, count };
  const hits = reduceSum(mul(cast(agrees, 'float32'), weights));
  return { total, count, metrics: { accuracy: div(hits, max(count, 1)) } };
}

/** Numbers for each output of a row. */
function targetsOf(outputs: number): Omit<RowLoss, 'build'> {
  return {
    reads: 'rows',
    outputs,
    inputs: ({ batch }) => [
      { name: 'targets', dtype: 'float32', shape: [batch, outputs] },
      { name: 'weights', dtype: 'float32', shape: [batch] },
    ],
    collate: (rows, { batch }) => {
      const targets = new Float32Array(batch * outputs);
      const weights = new Float32Array(batch);
      rows.forEach(({ target }, row) => {
        if (target === ignoredLabel && outputs > 1) return;
        const numbers = numbersOf(target);
        if (numbers.length !== outputs || !numbers.every(Number.isFinite)) {
          throw new RangeError(
            `row ${row} of the batch has the target ${shown(target)}: ${outputs} finite numbers were expected`,
          );
        }
        targets.set(numbers, row * outputs);
        weights[row] = 1;
      });
      return { targets, weights };
    },
  };
}

function numbersOf(target: TuningRow['target']): number[] {
  if (target === undefined) return [];
  return typeof target === 'number' ? [target] : Array.from(target);
}

function shown(target: TuningRow['target']): string {
  return target === undefined
    ? 'none'
    : JSON.stringify(typeof target === 'number' ? target : Array.from(target));
}
