/** @file Logistic regression on soft targets, with an L2 penalty on the weights. */
import { minimise } from './lbfgs.js';

type Row = ArrayLike<number>;

export interface LogisticFit {
  /** What the regression answers for each row that it was fitted on: distributions. */
  readonly predictions: number[][];
  readonly converged: boolean;
}

/**
 * Minimises mean cross entropy + `l2` · ‖W‖², the intercepts being free of the penalty (EleutherAI/w2s, w2s/logistic.py:
 * with two classes one weight vector and a sigmoid, with more one a class and a softmax).
 *
 * @param rows n rows of d activations
 * @param targets n distributions over C classes
 */
export function fitLogistic(rows: readonly Row[], targets: readonly number[][], l2: number): LogisticFit {
  const classes = targets[0]!.length;
  // With two classes one vector says it all: the other class' logit is 0.
  const outputs = classes === 2 ? 1 : classes;
  const width = rows[0]!.length;
  const stride = width + 1; // weights, then the intercept

  const answer = (point: Float64Array, row: Row): number[] => {
    const logits = Array.from({ length: outputs }, (_, output) => {
      const at = output * stride;
      let sum = point[at + width]!;
      for (let i = 0; i < width; i++) sum += point[at + i]! * row[i]!;
      return sum;
    });
    return softmax(outputs === 1 ? [0, logits[0]!] : logits);
  };

  const objective = (point: Float64Array, gradient: Float64Array): number => {
    gradient.fill(0);
    let loss = 0;
    rows.forEach((row, index) => {
      const target = targets[index]!;
      // 1 but for rounding; left out, the intercepts would run away.
      const whole = target.reduce((sum, share) => sum + share, 0);
      const predicted = answer(point, row);
      for (let c = 0; c < classes; c++)
        if (target[c]! > 0)
          loss -= (target[c]! * Math.log(Math.max(predicted[c]!, Number.MIN_VALUE))) / rows.length;
      for (let output = 0; output < outputs; output++) {
        const c = outputs === 1 ? 1 : output;
        const error = (whole * predicted[c]! - target[c]!) / rows.length;
        const at = output * stride;
        for (let i = 0; i < width; i++) gradient[at + i] = gradient[at + i]! + error * row[i]!;
        gradient[at + width] = gradient[at + width]! + error;
      }
    });
    for (let output = 0; output < outputs; output++) {
      for (let i = output * stride; i < output * stride + width; i++) {
        loss += l2 * point[i]! ** 2;
        gradient[i] = gradient[i]! + 2 * l2 * point[i]!;
      }
    }
    return loss;
  };

  const { point, converged } = minimise(objective, new Float64Array(outputs * stride));
  return { predictions: rows.map((row) => answer(point, row)), converged };
}

function softmax(logits: readonly number[]): number[] {
  const most = Math.max(...logits);
  const powers = logits.map((logit) => Math.exp(logit - most));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}
