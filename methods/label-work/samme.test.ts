/** @file Boosting against scikit-learn's AdaBoostClassifier; the numbers come from ../fixtures/label-work.py. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { argMax, mean, oneHot } from './distributions.js';
import { sammeRound } from './samme.js';

interface Boosted {
  readonly classes: number;
  readonly truth: number[];
  /** What each round's supervisor answers. */
  readonly answers: number[][];
  readonly errors: number[];
  readonly alphas: number[];
  /** Weighted votes, as shares. */
  readonly votes: number[][];
  readonly predictions: number[];
}

const { boosting } = JSON.parse(
  readFileSync(new URL('../fixtures/label-work.json', import.meta.url), 'utf8'),
) as { boosting: Boosted[] };

describe.each(boosting)('boosting over $classes classes', ({ classes, truth, answers, ...known }) => {
  const rounds = () => {
    let weights = truth.map(() => 1);
    return answers.map((given) => {
      const round = sammeRound({ weights, wrong: given.map((answer, i) => answer !== truth[i]), classes });
      weights = round.weights;
      return round;
    });
  };

  it("errors and votes' weights are those of scikit-learn, round after round", () => {
    rounds().forEach(({ error, alpha }, index) => {
      expect(error).toBeCloseTo(known.errors[index]!, 8);
      expect(alpha).toBeCloseTo(known.alphas[index]!, 8);
    });
  });

  it('and so is what they decide together', () => {
    const alphas = rounds().map(({ alpha }) => alpha);
    const votes = truth.map((_, item) =>
      mean(
        answers.map((given) => oneHot(given[item]!, classes)),
        alphas,
      ),
    );
    votes.forEach((row, item) =>
      row.forEach((share, c) => expect(share).toBeCloseTo(known.votes[item]![c]!, 5)),
    );
    expect(votes.map(argMax)).toEqual(known.predictions);
  });
});

describe('a round', () => {
  const four = [1, 1, 1, 1];
  it('keeps the weights at mean 1, and zeros at zero', () => {
    const { weights } = sammeRound({ weights: [2, 0, 1, 5], wrong: [true, true, false, false], classes: 2 });
    expect(weights.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(4, 12);
    expect(weights[1]).toBe(0);
    expect(weights[0]! / weights[2]!).toBeCloseTo((2 * (6 / 2)) / 1, 12); // e = 2/8, so e^α = 3
  });

  it('without an error counts half an item, so that the say stays finite', () => {
    const { error, alpha, weights } = sammeRound({ weights: four, wrong: four.map(() => false), classes: 2 });
    expect(error).toBe(0);
    expect(alpha).toBeCloseTo(Math.log(7), 12);
    expect(weights).toEqual(four);
  });

  it('of a supervisor at chance, or worse, has no say and changes nothing', () => {
    for (const wrong of [
      [true, true, false, false],
      [true, true, true, true],
    ])
      // prettier-ignore
      expect(sammeRound({ weights: four, wrong, classes: 2 })).toMatchObject({ alpha: 0, weights: four });
  });

  it('with more classes is better than chance where it is wrong on half', () => {
    const { alpha } = sammeRound({ weights: four, wrong: [true, true, false, false], classes: 4 });
    expect(alpha).toBeCloseTo(Math.log(3), 12);
  });
});
