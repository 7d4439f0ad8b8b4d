/** @file AdaBoost for any number of classes (SAMME): what a round's errors make of the items' weights and its own say. */

export interface SammeRound {
  /** The weighted share of items that the round's supervisor got wrong. */
  readonly error: number;
  /** The weight of its vote: ln((1 − e) / e) + ln(K − 1), and 0 for one that is no better than chance. */
  readonly alpha: number;
  /** The items' weights for the next round: mean 1. */
  readonly weights: number[];
}

/**
 * One round of SAMME (Zhu, Zou, Rosset & Hastie 2009, algorithm 2; with two classes AdaBoost of Freund & Schapire 1997;
 * EnsemW2S, arXiv 2410.04571, boosts weak supervisors so). An error of 0 counts as half an item: otherwise a supervisor
 * that knows A by heart, as neural ones often do, would have an infinite say. One that is no better than chance has no
 * say and leaves the weights as they are, and the rounds go on (scikit-learn stops instead).
 *
 * @param weights of the items in this round, any scale; zeros stay zeros
 * @param wrong whether the round's supervisor got each item wrong
 */
export function sammeRound({
  weights,
  wrong,
  classes,
}: {
  weights: readonly number[];
  wrong: readonly boolean[];
  classes: number;
}): SammeRound {
  if (weights.length !== wrong.length || weights.length === 0)
    throw new RangeError(`${weights.length} weights for ${wrong.length} items`);
  if (classes < 2) throw new RangeError(`boosting needs two classes, not ${classes}`);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (!(total > 0)) throw new RangeError('all items weigh nothing');
  const lost = weights.reduce((sum, weight, index) => (wrong[index]! ? sum + weight : sum), 0);
  const error = lost / total;
  const least = 1 / (2 * weights.length);
  const counted = Math.max(error, least);
  const alpha = counted >= 1 - 1 / classes ? 0 : Math.log((1 - counted) / counted) + Math.log(classes - 1);
  const raised = weights.map((weight, index) => (wrong[index]! ? weight * Math.exp(alpha) : weight));
  const scale = weights.length / raised.reduce((sum, weight) => sum + weight, 0);
  return { error, alpha, weights: raised.map((weight) => weight * scale) };
}
