/** @file Of two responses, which is the better: pairs told rightly. */

/**
 * The share of pairs whose better response has the higher probability; a pair that is not told apart counts half, so
 * that a model without an opinion stands at chance and not at whatever side its ties fall on.
 * @param probabilities [pairs][2]
 * @param better which of the two is the better one
 */
export function preferenceAccuracy(
  probabilities: readonly (readonly number[])[],
  better: readonly number[],
): number {
  if (probabilities.length === 0 || probabilities.length !== better.length)
    throw new RangeError(`${probabilities.length} answers to ${better.length} pairs`);
  const points = probabilities.map((pair, item) => {
    const margin = pair[better[item]!]! - pair[1 - better[item]!]!;
    return margin > 0 ? 1 : margin === 0 ? 0.5 : 0;
  });
  return points.reduce<number>((sum, point) => sum + point, 0) / points.length;
}
