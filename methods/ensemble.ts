/** @file Ensemble: several weak supervisors answer together. */
import { z } from 'zod';
import { UserError } from '../base/errors.js';
import type { Item, Label } from '../datasets/task.js';
import type { WorkBench } from './definition/label-work.js';
import { defineMethod } from './definition/method.js';
import { grouped, mostGiven } from './label-work/answers.js';
import { byItem, labelOf, mean, oneHot, someLeft, votedLabel } from './label-work/distributions.js';

const combine = z
  .enum(['vote', 'mean', 'boost'])
  .default('vote')
  .describe('their votes, the mean of their distributions, or the weighted votes of boosting');

export default defineMethod({
  name: 'ensemble',
  summary: 'Fine-tune on the labels of several weak supervisors together.',
  formula:
    '`vote`: `y_ic` = share of the supervisors whose likeliest answer is `c`; `mean`: `y_i = Σ_m y_i^m / M`, each supervisor being trained ' +
    'on another bootstrap sample of A. `boost`: SAMME: supervisor `m` is trained on A with weights `w`, ' +
    '`e = Σ w [wrong] / Σ w`, `α_m = ln((1 − e) / e) + ln(K − 1)`, `w ← w exp(α_m [wrong])`; `y_ic ∝ Σ_m α_m [argmax = c]`.',
  source:
    'Agrawal et al. 2024, EnsemW2S (arXiv 2410.04571): AdaBoost over weak supervisors; Zhu et al. 2009: SAMME; Breiman 1996: bagging',
  answers: ['next-token', 'classes', 'preference', 'text', 'number'],
  refuses: ({ answer }, { combine: how }) => {
    if (answer === 'number' && how !== 'mean')
      return 'two numbers are hardly ever equal; ask for combine: mean';
    if (answer !== 'text' || how === 'vote') return undefined;
    const why = how === 'mean' ? 'answers in words have no mean' : 'boosting counts errors among classes';
    return `${why}; ask for combine: vote`;
  },
  parameters: z.object({
    supervisors: z.int().min(2).default(3).describe('how many'),
    combine,
    labels: z.enum(['soft', 'hard']).default('soft').describe('form of their common labels'),
  }),
  labelWork: { ensemble },
  evaluation: (cell, { supervisors, combine: how, labels }) => {
    const sources = cell.weakSources({ count: supervisors, ...(how === 'boost' ? { boost: true } : {}) });
    return cell.evaluate(
      cell.student({
        labels: cell.work({
          operation: 'ensemble',
          parameters: { combine: how },
          labels: Object.fromEntries(sources.map((source, index) => [`source-${index + 1}`, source.labels])),
        }),
        form: labels,
        loss: { name: 'cross-entropy' },
      }),
    );
  },
});

/** Each role is a supervisor; with `boost` its labels carry the weight of its vote. */
function ensemble(bench: WorkBench, parameters: Record<string, unknown>): Label[] {
  const { combine: how } = z.object({ combine }).parse(parameters);
  const sources = bench.roles.map((role) => byItem(bench, role));
  if (how === 'boost') {
    const says = sources.map((labels) => labels.values().next().value?.weight ?? 0);
    bench.log(`weights of the votes: ${says.map((say) => say.toFixed(4)).join(', ')}`);
    if (says.every((say) => say <= 0)) {
      throw new UserError(
        'no weak supervisor is better than chance on A, so none has a vote. Train them longer, or take combine: vote.',
      );
    }
  }
  const labels = bench.items.flatMap((item) => {
    const given = sources.flatMap((source) => source.get(item.id) ?? []);
    // What has no say is not there, or it would still break ties.
    const voters = how === 'boost' ? given.filter(({ weight }) => (weight ?? 0) > 0) : given;
    if (voters.length === 0) return [];
    const says = voters.map(({ weight }) => (how === 'boost' ? weight! : 1));
    return together(bench, item, voters, says, how) ?? [];
  });
  return someLeft(labels, 'no supervisor answered any item.');
}

function together(
  bench: WorkBench,
  item: Item,
  given: readonly Label[],
  says: readonly number[],
  how: z.infer<typeof combine>,
): Label | undefined {
  if (given[0]!.probabilities.length > 0) {
    const average = mean(
      given.map(({ probabilities }) => probabilities),
      says,
    );
    if (how === 'mean') return labelOf(item.id, average);
    const votes = given.map(({ label }) => oneHot(label, item.choices.length));
    return votedLabel(item.id, mean(votes, says), average);
  }
  const answers = given.map(({ answer }) => answer ?? '');
  if (how === 'mean') {
    const average = answers.reduce((sum, answer) => sum + Number(answer), 0) / answers.length;
    return { id: item.id, label: 0, probabilities: [], answer: String(average) };
  }
  const answer = mostGiven(grouped(bench, item, answers, says))?.texts[0];
  return answer === undefined ? undefined : { id: item.id, label: 0, probabilities: [], answer };
}
