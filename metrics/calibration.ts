/** @file Whether probabilities mean what they say: expected calibration error and Brier score. */

/** Bins of confidence, equally wide, as is usual since Guo et al. 2017. */
export const calibrationBins = 15;

/**
 * Expected calibration error (Naeini et al. 2015; Guo et al. 2017, eq. 3): items are put into equally wide bins
 * (0, 1/15], (1/15, 2/15], … by the probability of the answer given (0 goes into the first); the mean over items of
 * | accuracy − confidence | of their bin. The same as from the bins of scikit-learn's `calibration_curve`.
 */
export function calibrationError(
  confidences: readonly number[],
  isRight: readonly boolean[],
  bins = calibrationBins,
): number {
  if (confidences.length === 0 || confidences.length !== isRight.length)
    throw new RangeError(`${confidences.length} confidences in ${isRight.length} answers`);
  const width = 1 / bins;
  const edges = Array.from({ length: bins - 1 }, (_, edge) => (edge + 1) * width);
  const excess = new Array<number>(bins).fill(0);
  confidences.forEach((confidence, item) => {
    const bin = edges.filter((edge) => edge < confidence).length;
    excess[bin] = excess[bin]! + (isRight[item] ? 1 : 0) - confidence;
  });
  return excess.reduce((sum, difference) => sum + Math.abs(difference), 0) / confidences.length;
}

/**
 * Brier score: the mean squared distance of the probabilities from the truth. For two classes of the second one's
 * probability alone, (p − y)², so that it lies in [0, 1]; for more, over all classes (Brier 1950), in [0, 2].
 * Scikit-learn's `brier_score_loss` does the same.
 * @param probabilities [items][classes]
 */
export function brierScore(probabilities: readonly (readonly number[])[], actual: readonly number[]): number {
  if (probabilities.length === 0 || probabilities.length !== actual.length)
    throw new RangeError(`${probabilities.length} answers to ${actual.length} items`);
  const distances = probabilities.map((row, item) => {
    const squares = row.map((probability, label) => (probability - (label === actual[item] ? 1 : 0)) ** 2);
    return row.length === 2 ? squares[1]! : squares.reduce((sum, square) => sum + square, 0);
  });
  return distances.reduce((sum, distance) => sum + distance, 0) / distances.length;
}
