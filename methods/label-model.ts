/** @file Label model: several weak sources, each silent where it is unsure, and how good each is from how they agree. */
import { z } from 'zod';
import type { Label } from '../datasets/task.js';
import type { WorkBench } from './definition/label-work.js';
import { defineMethod } from './definition/method.js';
import { byItem, labelOf, someLeft } from './label-work/distributions.js';
import { fitLabelModel, majorityVote, type Vote } from './label-work/snorkel.js';
import { UserError } from '../base/errors.js';

const settings = {
  confidence: z
    .number()
    .min(0)
    .max(1)
    .default(0.6)
    .describe('a source abstains on an item where its likeliest answer has less'),
  aggregate: z
    .enum(['model', 'majority'])
    .default('model')
    .describe("the label model's posterior, or the majority vote, ties being shared"),
  balance: z
    .enum(['uniform', 'votes'])
    .default('uniform')
    .describe('P(Y) of the label model: the same for every class, or the share of all votes'),
  steps: z.int().min(1).default(100).describe('steps of gradient descent of the label model'),
};
const settingsSchema = z.object(settings);

export default defineMethod({
  name: 'label-model',
  summary: 'Fine-tune on what a label model makes of several weak sources that may abstain.',
  formula:
    'with votes `λ_1 … λ_M` (or abstentions) that are independent given `Y`, `μ = P(λ | Y)` minimises ' +
    '`‖O − μ P μᵀ‖²` over pairs of different sources `+ ‖μ P 1 − diag(O)‖²`, `O` being the observed moments of the votes; ' +
    '`y_i = P(Y | λ_i) ∝ P(Y) Π_j P(λ_ij | Y)` over those that vote. Items on which all abstain are left out.',
  source:
    'Ratner et al. 2019 (arXiv 1810.02840); snorkel 0.10, LabelModel (momentum 0.9, rate 0.01, 100 steps, precision 0.7)',
  answers: ['next-token', 'classes', 'preference'],
  parameters: z.object({
    sources: z
      .int()
      .min(3)
      .default(5)
      .describe('weak supervisors, each trained on another bootstrap sample of A'),
    ...settings,
    labels: z.enum(['soft', 'hard']).default('soft').describe('form of the aggregated labels'),
  }),
  labelWork: { 'label-model': labelModel },
  evaluation: (cell, { sources: count, confidence, aggregate, balance, steps, labels }) =>
    cell.evaluate(
      cell.student({
        labels: cell.work({
          operation: 'label-model',
          parameters: { confidence, aggregate, ...(aggregate === 'model' ? { balance, steps } : {}) },
          labels: Object.fromEntries(
            cell.weakSources({ count }).map((source, index) => [`source-${index + 1}`, source.labels]),
          ),
        }),
        form: labels,
        loss: { name: 'cross-entropy' },
      }),
    ),
});

/** Each role is a source. */
function labelModel(bench: WorkBench, parameters: Record<string, unknown>): Label[] {
  const { confidence, aggregate, balance, steps } = settingsSchema.parse(parameters);
  const sources = bench.roles.map((role) => byItem(bench, role));
  const classes = bench.items[0]?.choices.length ?? 0;
  const odd = bench.items.find(({ choices }) => choices.length !== classes);
  if (odd !== undefined) {
    throw new UserError(
      `a label model needs the same classes for every item: the first item has ${classes} choices, ` +
        `item ${odd.id} has ${odd.choices.length}. Leave the method out for this task.`,
    );
  }
  const votes = bench.items.map(({ id }) =>
    sources.map((labels): Vote => {
      const label = labels.get(id);
      return label === undefined || Math.max(...label.probabilities) < confidence ? null : label.label;
    }),
  );
  const voted = votes.filter((row) => row.some((vote) => vote !== null)).length;
  bench.log(`somebody votes on ${voted} of ${votes.length} items`);
  if (voted === 0) {
    return someLeft(
      [],
      `all ${sources.length} sources abstain on all ${votes.length} items. Ask for a lower confidence than ${confidence}.`,
    );
  }
  const aggregated =
    aggregate === 'majority'
      ? (row: readonly Vote[]) => majorityVote(row, classes)!
      : fitLabelModel(votes, {
          classes,
          steps,
          start: bench.random.uniform(),
          ...(balance === 'votes' ? { balance: voteShares(votes, classes) } : {}),
        }).posterior;
  return bench.items.flatMap(({ id }, index) => {
    const row = votes[index]!;
    return row.every((vote) => vote === null) ? [] : [labelOf(id, aggregated(row))];
  });
}

/** The share of each class among all votes; one for whom nobody votes counts half a vote, for none may be impossible. */
function voteShares(votes: readonly (readonly Vote[])[], classes: number): number[] {
  const counts = Array.from(
    { length: classes },
    (_, c) => votes.reduce((sum, row) => sum + row.filter((vote) => vote === c).length, 0) || 0.5,
  );
  const total = counts.reduce((sum, count) => sum + count, 0);
  return counts.map((count) => count / total);
}
