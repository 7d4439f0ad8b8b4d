/** @file Answers to the same item, asked for several times: how steady they are, and what is left of them. */
import { z } from 'zod';
import type { JsonObject } from '../../base/json.js';
import type { Item, Label } from '../../datasets/task.js';
import type { WorkBench } from '../definition/label-work.js';
import { grouped } from './answers.js';
import { entropy, mean, median, oneHot, someLeft, votedLabel } from './distributions.js';

export const steadinessParameters = {
  use: z
    .enum(['filter', 'reweight'])
    .default('filter')
    .describe(
      'filter: drop the items whose entropy is above the median; reweight: an answer counts by its share',
    ),
  temperature: z
    .number()
    .positive()
    .default(0.2)
    .describe('reweight: an answer given with share s counts exp(s / temperature) / Σ exp(s′ / temperature)'),
};

const parametersSchema = z.object(steadinessParameters);

/** An item's answers: how uncertain they are, and the rows that a student learns from. */
interface Answered {
  readonly entropy: number;
  /** @param factor of an answer, by its place among the different ones */
  readonly rows: (factor: readonly number[] | undefined) => Label[];
  /** The shares of the different answers. */
  readonly shares: readonly number[];
}

/**
 * The labels of steadily answered items, or all with weights (Irenehere/ReliableAlignment). Each role is one answer to
 * every item (a missing one is none); a single role holds all of them, as a vote's shares or as `texts`. Of a choice the
 * answers become one row with their shares, which has the gradient of a row each; in words each is a row of its own.
 */
export function reliability(bench: WorkBench, parameters: JsonObject): Label[] {
  const { use, temperature } = parametersSchema.parse(parameters);
  const given = new Map<string, Label[]>(bench.items.map(({ id }) => [id, []]));
  for (const role of bench.roles) for (const label of bench.labels(role)) given.get(label.id)?.push(label);
  const answered = bench.items.flatMap((item) => answersTo(bench, item, given.get(item.id)!));
  if (answered.length === 0) return someLeft([], 'nobody gave an answer to any item.');
  const limit = median(answered.map((item) => item.entropy));
  const kept = use === 'filter' ? answered.filter((item) => item.entropy <= limit + 1e-12) : answered;
  bench.log(
    `entropy of the answers: median ${limit.toFixed(4)} over ${answered.length} items; ${kept.length} are kept`,
  );
  return kept.flatMap(({ rows, shares }) =>
    rows(use === 'filter' ? undefined : softmax(shares.map((share) => share / temperature))),
  );
}

function answersTo(bench: WorkBench, item: Item, labels: readonly Label[]): Answered[] {
  const first = labels[0];
  if (first === undefined) return [];
  return first.probabilities.length > 0 ? byChoice(item, labels) : inWords(bench, item, labels);
}

function byChoice(item: Item, labels: readonly Label[]): Answered[] {
  const choices = item.choices.length;
  const votes = labels.map(({ label, probabilities }) =>
    labels.length === 1 ? probabilities : oneHot(label, choices),
  );
  const shares = mean(votes);
  const doubt = mean(labels.map(({ label, probabilities }) => (labels.length === 1 ? oneHot(label, choices) : probabilities))); // prettier-ignore
  const places = shares.flatMap((share, choice) => (share > 0 ? [choice] : []));
  const present = places.map((choice) => shares[choice]!);
  const rows = (factor: readonly number[] | undefined): Label[] => {
    if (factor === undefined) return [votedLabel(item.id, shares, doubt)];
    const weighted = shares.map(() => 0);
    places.forEach((choice, place) => (weighted[choice] = shares[choice]! * factor[place]!));
    const weight = weighted.reduce((sum, value) => sum + value, 0);
    const distribution = weighted.map((value) => value / weight);
    return [{ ...votedLabel(item.id, distribution, doubt), weight }];
  };
  return [{ entropy: entropy(present), shares: present, rows }];
}

function inWords(bench: WorkBench, item: Item, labels: readonly Label[]): Answered[] {
  const answers = labels.flatMap(({ answer, texts }) =>
    labels.length === 1 && texts ? texts : (answer ?? ''),
  );
  const groups = grouped(bench, item, answers);
  if (groups.length === 0) return [];
  const shares = groups.map(({ share }) => share);
  const rows = (factor: readonly number[] | undefined): Label[] =>
    groups.flatMap(({ texts }, place) =>
      texts.map((answer): Label => {
        const row = { id: item.id, label: 0, probabilities: [], answer };
        return factor === undefined ? row : { ...row, weight: factor[place]! };
      }),
    );
  return [{ entropy: entropy(shares), shares, rows }];
}

function softmax(values: readonly number[]): number[] {
  const most = Math.max(...values);
  const powers = values.map((value) => Math.exp(value - most));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}
