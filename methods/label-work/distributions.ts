/** @file Small sums over distributions and votes, which several kinds of label work share. */
import { UserError } from '../../base/errors.js';
import type { Label } from '../../datasets/task.js';
import type { WorkBench } from '../definition/label-work.js';

/** The first of the largest values. */
export function argMax(values: readonly number[]): number {
  let best = 0;
  for (let index = 1; index < values.length; index++) if (values[index]! > values[best]!) best = index;
  return best;
}

/** A label from a distribution over its item's choices. */
export function labelOf(id: string, probabilities: number[]): Label {
  return { id, label: argMax(probabilities), probabilities };
}

/** A label from votes: where several choices have the most, the one among them that `doubt` finds likeliest. */
export function votedLabel(id: string, shares: number[], doubt: readonly number[]): Label {
  const most = Math.max(...shares);
  // Sums of shares differ in their last digits by the order of the votes.
  const label = argMax(shares.map((share, choice) => (share > most - 1e-9 ? doubt[choice]! : -1)));
  return { id, label, probabilities: shares };
}

/** Σ w_i p_i / Σ w_i, all rows being equally long; without weights, the plain mean. */
export function mean(rows: readonly (readonly number[])[], weights?: readonly number[]): number[] {
  const total = weights === undefined ? rows.length : weights.reduce((sum, weight) => sum + weight, 0);
  const columns = rows[0]?.length ?? 0;
  return Array.from({ length: columns }, (_, column) => {
    const sum = rows.reduce((so, row, index) => so + row[column]! * (weights?.[index] ?? 1), 0);
    return sum / total;
  });
}

/** 1 at `choice`, 0 elsewhere. */
export function oneHot(choice: number, choices: number): number[] {
  return Array.from({ length: choices }, (_, index) => (index === choice ? 1 : 0));
}

/** −Σ p ln p in nats; what has no probability adds nothing. */
export function entropy(probabilities: readonly number[]): number {
  const sum = probabilities.reduce((so, p) => (p > 0 ? so - p * Math.log(p) : so), 0);
  return Math.max(0, sum);
}

/** The middle value, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('no values have no median');
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** A role's labels by their item's id. */
export function byItem(bench: WorkBench, role: string): Map<string, Label> {
  return new Map(bench.labels(role).map((label) => [label.id, label]));
}

/**
 * The labels, if there are any.
 * @throws UserError that says why none is left and what to do: a student needs something to learn from
 */
export function someLeft(labels: Label[], why: string): Label[] {
  if (labels.length === 0) throw new UserError(`no label is left to train on: ${why}`);
  return labels;
}
