/** @file Right and wrong by class: balanced accuracy and the F1 scores. */

/** Counts of one class. */
interface ClassCounts {
  readonly right: number;
  /** Items that are of the class. */
  readonly actual: number;
  /** Items that were said to be of it. */
  readonly predicted: number;
}

function countsOf(predicted: readonly number[], actual: readonly number[], classes: number): ClassCounts[] {
  if (predicted.length !== actual.length)
    throw new RangeError(`${predicted.length} answers to ${actual.length} items`);
  return Array.from({ length: classes }, (_, label) => ({
    right: actual.filter((truth, item) => truth === label && predicted[item] === label).length,
    actual: actual.filter((truth) => truth === label).length,
    predicted: predicted.filter((answer) => answer === label).length,
  }));
}

/** 2 · right / (actual + predicted); 0 for a class that is neither there nor named (scikit-learn's zero_division=0). */
function f1Of({ right, actual, predicted }: ClassCounts): number {
  return actual + predicted === 0 ? 0 : (2 * right) / (actual + predicted);
}

/** The mean recall of the classes that are there: what accuracy would be if all were equally frequent. */
export function balancedAccuracy(
  predicted: readonly number[],
  actual: readonly number[],
  classes: number,
): number {
  const present = countsOf(predicted, actual, classes).filter((counts) => counts.actual > 0);
  return present.reduce((sum, counts) => sum + counts.right / counts.actual, 0) / present.length;
}

/** F1 of class 1. */
export function binaryF1(predicted: readonly number[], actual: readonly number[]): number {
  return f1Of(countsOf(predicted, actual, 2)[1] as ClassCounts);
}

/** The mean F1 over the classes that are there or named: each class counts the same. */
export function macroF1(predicted: readonly number[], actual: readonly number[], classes: number): number {
  const met = countsOf(predicted, actual, classes).filter((counts) => counts.actual + counts.predicted > 0);
  return met.reduce((sum, counts) => sum + f1Of(counts), 0) / met.length;
}

/** The mean F1 over the classes: each counts as often as it is there. */
export function weightedF1(predicted: readonly number[], actual: readonly number[], classes: number): number {
  return countsOf(predicted, actual, classes).reduce(
    (sum, counts) => sum + (f1Of(counts) * counts.actual) / actual.length,
    0,
  );
}
