/** @file The label model against snorkel 0.10.0 itself; the numbers come from ../fixtures/label-work.py. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../base/errors.js';
import { assign } from './assignment.js';
import { fitLabelModel, majorityVote, type Vote } from './snorkel.js';

interface Simulated {
  /** One string an item, one sign a source; "-": abstains. */
  readonly votes: string[];
  readonly balance: number[];
  readonly steps: number;
  readonly start: number;
  readonly mu: number[][];
  readonly posterior: number[][];
  readonly majority: number[][];
}

const known = (
  JSON.parse(readFileSync(new URL('../fixtures/label-work.json', import.meta.url), 'utf8')) as {
    labelModel: Simulated[];
  }
).labelModel.map((one) => ({
  ...one,
  votes: one.votes.map((row) => [...row].map((sign): Vote => (sign === '-' ? null : Number(sign)))),
  title: `${one.votes[0]!.length} sources, ${one.balance.length} classes, ${one.steps} steps`,
}));

const largest = (a: readonly number[][], b: readonly number[][]): number =>
  Math.max(...a.flatMap((row, i) => row.map((value, j) => Math.abs(value - b[i]![j]!))));

describe.each(known)('the label model of $title', ({ votes, balance, steps, start, ...of }) => {
  const model = fitLabelModel(votes, { classes: balance.length, balance, steps, start });

  it('finds the conditional probabilities that snorkel finds', () => {
    expect(largest(model.mu.flat(), of.mu)).toBeLessThan(1e-3);
  });

  it('gives the labels that snorkel gives', () => {
    expect(largest(votes.map(model.posterior), of.posterior)).toBeLessThan(1e-3);
  });

  it("and the majority vote is snorkel's, wherever somebody votes", () => {
    votes.forEach((row, item) => {
      const majority = majorityVote(row, balance.length);
      if (majority === null) expect(row.every((vote) => vote === null)).toBe(true);
      else expect(largest([majority], [of.majority[item]!])).toBeLessThan(1e-3);
    });
  });
});

describe('at the edges', () => {
  const three: Vote[][] = [[0, 0, 1], [1, 1, 1], [0, 0, 0], [1, 0, 1]]; // prettier-ignore
  const options = { classes: 2, start: 0.5 };

  it('an item on which all abstain has the class balance, and one with a single vote follows it', () => {
    const balance = [0.3, 0.7];
    const { posterior } = fitLabelModel(three, { ...options, balance });
    const [none, alone] = [posterior([null, null, null]), posterior([0, null, null])];
    expect(none[0]).toBeCloseTo(0.3, 12);
    expect(none[1]).toBeCloseTo(0.7, 12);
    expect(alone[0]).toBeGreaterThan(0.3);
    expect(alone[0]! + alone[1]!).toBeCloseTo(1, 12);
  });

  it('two sources are too few, and no vote at all is none to learn from', () => {
    expect(() => fitLabelModel([[0, 1]], options)).toThrow(UserError);
    expect(() => fitLabelModel([[0, 1]], options)).toThrow(/needs three; there are 2\. Ask for more sources/);
    const silent = three.map((row) => row.map(() => null));
    expect(() => fitLabelModel(silent, options)).toThrow(/every source abstains on every item/);
  });

  it('sources that all say the same class leave finite numbers', () => {
    const { posterior } = fitLabelModel(
      three.map(() => [0, 0, 0]),
      options,
    );
    expect(posterior([0, 0, 0])[0]).toBeGreaterThan(0.5);
    expect(posterior([1, 1, 1]).every(Number.isFinite)).toBe(true);
  });

  it('tied classes share a majority vote', () => {
    expect(majorityVote([0, 2, null], 3)).toEqual([0.5, 0, 0.5]);
    expect(majorityVote([null, null], 2)).toBeNull();
  });
});

it('an assignment gains what the best of all orders gains', () => {
  const orders = (rest: number[]): number[][] =>
    rest.length === 0
      ? [[]]
      : rest.flatMap((first) =>
          orders(rest.filter((other) => other !== first)).map((end) => [first, ...end]),
        );
  for (let salt = 0; salt < 20; salt++) {
    const gains = Array.from({ length: 5 }, (_, i) =>
      Array.from({ length: 5 }, (_, j) => ((i * 37 + j * 91 + salt * 53 + i * j * 17) % 29) / 29),
    );
    const gain = (columns: readonly number[]): number =>
      columns.reduce((sum, column, row) => sum + gains[row]![column]!, 0);
    const chosen = assign(gains);
    expect([...chosen].sort()).toEqual([0, 1, 2, 3, 4]);
    expect(gain(chosen)).toBeCloseTo(Math.max(...orders([0, 1, 2, 3, 4]).map(gain)), 12);
  }
});
