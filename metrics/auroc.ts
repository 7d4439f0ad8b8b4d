/** @file Area under the ROC curve, with ties. */

/**
 * The probability that an item of the class scores above one that is not, ties counting half: the Mann–Whitney
 * statistic from mid-ranks (Hanley & McNeil 1982), which is the area under the ROC curve by trapezoids.
 * @returns undefined where all items are of the class, or none
 */
export function auroc(scores: readonly number[], isPositive: readonly boolean[]): number | undefined {
  if (scores.length !== isPositive.length)
    throw new RangeError(`${scores.length} scores of ${isPositive.length} items`);
  const positives = isPositive.filter(Boolean).length;
  const negatives = isPositive.length - positives;
  if (positives === 0 || negatives === 0) return undefined;
  const order = scores.map((_, item) => item).sort((a, b) => scores[a]! - scores[b]!);
  let rankSum = 0;
  for (let start = 0; start < order.length;) {
    let end = start + 1;
    while (end < order.length && scores[order[end]!] === scores[order[start]!]) end++;
    // Ranks start + 1 … end share their mean.
    const rank = (start + 1 + end) / 2;
    for (const item of order.slice(start, end)) if (isPositive[item]) rankSum += rank;
    start = end;
  }
  return (rankSum - (positives * (positives + 1)) / 2) / (positives * negatives);
}

/**
 * One class against the rest, averaged over the classes (scikit-learn's `multi_class="ovr", average="macro"`). A class
 * that no item, or every item, is of has no curve and is left out; scikit-learn refuses such data.
 * @param probabilities [items][classes]
 * @returns undefined where no class has a curve
 */
export function macroAuroc(
  probabilities: readonly (readonly number[])[],
  actual: readonly number[],
  classes: number,
): number | undefined {
  const areas = Array.from({ length: classes }, (_, label) =>
    auroc(
      probabilities.map((row) => row[label]!),
      actual.map((truth) => truth === label),
    ),
  ).filter((area) => area !== undefined);
  return areas.length === 0 ? undefined : areas.reduce((sum, area) => sum + area, 0) / areas.length;
}
