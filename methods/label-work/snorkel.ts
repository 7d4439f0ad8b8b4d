/** @file Snorkel's label model: how often each source is right, from its agreement with others alone. */
import { UserError } from '../../base/errors.js';
import { assign } from './assignment.js';

/** A source's vote: the index of a class, or null where it abstains. */
export type Vote = number | null;

export interface LabelModelOptions {
  readonly classes: number;
  /** P(Y = y); default uniform. */
  readonly balance?: readonly number[];
  /** Steps of gradient descent; Snorkel's default is 100. */
  readonly steps?: number;
  readonly learningRate?: number;
  /** What a source's precision is taken to be before anything is known of it. */
  readonly precision?: number;
  /** In (0, 1]: the share of the initial guess that the descent begins at. Snorkel draws it uniformly. */
  readonly start: number;
}

export interface LabelModel {
  /** mu[source][class voted][true class] = P(λ = vote | Y = class) */
  readonly mu: number[][][];
  /** P(Y | the votes) of one item; the class balance where all abstain. */
  readonly posterior: (votes: readonly Vote[]) => number[];
}

/** Of the descent; Snorkel's optimizer. */
const momentum = 0.9;

/**
 * Fits the label model of Ratner et al. 2019 (Training Complex Models with Multi-Task Weak Supervision, AAAI, arXiv
 * 1810.02840) for sources that are independent given the truth, as snorkel 0.10's `LabelModel` does. With μ_{iv,y} =
 * P(λ_i = v | Y = y), P = diag(P(Y)) and O = the moments E[1(λ_i = v) 1(λ_j = w)], it minimises
 *
 *     ‖O − μ P μᵀ‖² over pairs of different sources + ‖μ P 1 − diag(O)‖²
 *
 * by gradient descent from μ_{iy,y} = P(λ_i = y) · precision / P(y), then keeps μ within [ε, 1 − ε] and, of the classes
 * with the same P(y), chooses the permutation that trusts the sources most.
 *
 * @param votes one row an item, one column a source
 * @throws UserError with fewer than three sources, from whose agreement alone nothing can be told, or without a vote
 */
export function fitLabelModel(votes: readonly (readonly Vote[])[], options: LabelModelOptions): LabelModel {
  const { classes, steps = 100, learningRate = 0.01, precision = 0.7, start } = options;
  const balance = options.balance ?? Array.from({ length: classes }, () => 1 / classes);
  const sources = votes[0]?.length ?? 0;
  check(votes, sources, classes, balance);

  const size = sources * classes;
  const moments = momentsOf(votes, sources, classes);
  // mu[r][y] with r = source · classes + vote
  const mu = Array.from({ length: size }, (_, r) =>
    balance.map((share, y) =>
      r % classes === y ? Math.min(1, (moments[r]![r]! * precision) / share) * start : 0,
    ),
  );
  const speed = mu.map((row) => row.map(() => 0));
  for (let step = 0; step < steps; step++) {
    const slope = gradientAt(mu, moments, balance, classes);
    mu.forEach((row, r) => {
      row.forEach((value, y) => {
        speed[r]![y] = momentum * speed[r]![y]! + slope[r]![y]!;
        row[y] = value - learningRate * speed[r]![y];
      });
    });
  }

  const least = Math.min(0.01, 10 ** -Math.ceil(Math.log10(votes.length)));
  const clamped = mu.map((row) => row.map((value) => Math.min(1 - least, Math.max(least, value))));
  const order = trustingOrder(clamped, balance, sources);
  const fitted = Array.from({ length: sources }, (_, source) =>
    Array.from({ length: classes }, (_, vote) => order.map((y) => clamped[source * classes + vote]![y]!)),
  );
  return { mu: fitted, posterior: (row) => posteriorOf(row, fitted, balance) };
}

function check(
  votes: readonly (readonly Vote[])[],
  sources: number,
  classes: number,
  balance: readonly number[],
): void {
  if (sources < 3) {
    throw new UserError(
      `a label model tells how good sources are from how they agree, for which it needs three; there are ${sources}. ` +
        'Ask for more sources, or take the majority vote.',
    );
  }
  if (votes.every((row) => row.every((vote) => vote === null))) {
    throw new UserError(
      'every source abstains on every item. Let them vote with less confidence (a lower threshold).',
    );
  }
  if (balance.length !== classes || balance.some((share) => !(share > 0)))
    throw new RangeError(`the class balance ${balance.join(', ')} is none over ${classes} classes`);
}

/** O[r][s]: the share of items on which both r = (source, vote) and s = (source, vote) were cast. */
function momentsOf(votes: readonly (readonly Vote[])[], sources: number, classes: number): number[][] {
  const size = sources * classes;
  const counts = Array.from({ length: size }, () => new Array<number>(size).fill(0));
  for (const row of votes) {
    const cast = row.flatMap((vote, source) => (vote === null ? [] : [source * classes + vote]));
    for (const r of cast) for (const s of cast) counts[r]![s] = counts[r]![s]! + 1;
  }
  return counts.map((row) => row.map((count) => count / votes.length));
}

function gradientAt(
  mu: readonly number[][],
  moments: readonly number[][],
  balance: readonly number[],
  classes: number,
): number[][] {
  const weighted = mu.map((row) => row.map((value, y) => value * balance[y]!)); // μ P
  const marginals = weighted.map((row, r) => row.reduce((sum, value) => sum + value, 0) - moments[r]![r]!);
  return mu.map((row, r) => {
    const source = Math.floor(r / classes);
    const gradient = balance.map((share) => 2 * marginals[r]! * share);
    for (let s = 0; s < mu.length; s++) {
      // A source is not independent of itself: those blocks say nothing about μ.
      if (Math.floor(s / classes) === source) continue;
      const product = row.reduce((sum, value, y) => sum + value * weighted[s]![y]!, 0);
      const rest = moments[r]![s]! - product;
      for (let y = 0; y < classes; y++) gradient[y] = gradient[y]! - 4 * rest * weighted[s]![y]!;
    }
    return gradient;
  });
}

/**
 * Classes with the same share can change places without changing the loss. The order of columns that makes
 * Σ_i P(λ_i = Y) largest.
 */
function trustingOrder(mu: readonly number[][], balance: readonly number[], sources: number): number[] {
  const classes = balance.length;
  /** together[v][y] = Σ_i P(λ_i = v, Y = y) */
  const together = Array.from({ length: classes }, (_, vote) =>
    balance.map((share, y) => {
      let sum = 0;
      for (let source = 0; source < sources; source++) sum += mu[source * classes + vote]![y]!;
      return sum * share;
    }),
  );
  const groups = new Map<string, number[]>();
  balance.forEach((share, y) => {
    const group = share.toFixed(3);
    groups.set(group, [...(groups.get(group) ?? []), y]);
  });
  const order = balance.map((_, y) => y);
  for (const group of groups.values()) {
    const columns = assign(group.map((vote) => group.map((y) => together[vote]![y]!)));
    group.forEach((vote, index) => (order[vote] = group[columns[index]!]!));
  }
  return order;
}

/** P(Y) Π P(λ_i | Y) over those that voted: an abstention says nothing about the class. */
function posteriorOf(
  votes: readonly Vote[],
  mu: readonly number[][][],
  balance: readonly number[],
): number[] {
  const logs = balance.map((share, y) =>
    votes.reduce<number>(
      (sum, vote, source) => (vote === null ? sum : sum + Math.log(mu[source]![vote]![y]!)),
      Math.log(share),
    ),
  );
  const most = Math.max(...logs);
  const powers = logs.map((log) => Math.exp(log - most));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}

/** Snorkel's majority vote: the classes with the most votes share the probability; null where all abstain. */
export function majorityVote(votes: readonly Vote[], classes: number): number[] | null {
  const counts = new Array<number>(classes).fill(0);
  for (const vote of votes) if (vote !== null) counts[vote] = counts[vote]! + 1;
  const most = Math.max(...counts);
  if (most === 0) return null;
  const tied = counts.filter((count) => count === most).length;
  return counts.map((count) => (count === most ? 1 / tied : 0));
}
