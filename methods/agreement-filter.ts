/** @file Agreement filter: the student learns from those answers on which the weak and the strong model agree. */
import { z } from 'zod';
import type { Label } from '../datasets/task.js';
import type { WorkBench } from './definition/label-work.js';
import { defineMethod, type Labels } from './definition/method.js';
import { byItem, labelOf, mean, someLeft } from './label-work/distributions.js';

const train = z
  .enum(['both', 'weak', 'strong'])
  .default('both')
  .describe("whose answers the student learns: both models' (hybrid), the weak or the strong one's alone");

export default defineMethod({
  name: 'agreement-filter',
  summary:
    'Fine-tune on the items that the weak supervisor and the strong model, shown weak examples, answer alike.',
  formula:
    'keep `i` where the final answer of the weak supervisor equals that of the strong model in context (and is not empty); train the ' +
    'pretrained strong model on both answers (in words: a row each; of choices: their mean distribution, which has the same ' +
    'gradient). With more rounds, the student of a round takes the place of the strong model in context.',
  source:
    'Yang et al. 2024 (arXiv 2407.13647), stage I; GAIR-NLP/weak-to-strong-reasoning, src/construct_training_data.py:36-83',
  answers: ['next-token', 'text'],
  parameters: z.object({
    train,
    examples: z
      .int()
      .min(1)
      .default(4)
      .describe('weakly labelled items before each question of the strong model'),
    rounds: z
      .int()
      .min(1)
      .default(1)
      .describe("how often items are kept; from the second, by the last student's answers"),
    labels: z.enum(['soft', 'hard']).default('hard').describe('form of the labels that are kept'),
  }),
  labelWork: { 'agreement-filter': agreementFilter },
  evaluation: (cell, { train: learnt, examples, rounds, labels }) => {
    const weak = cell.weakLabels();
    const studentOf = (strong: Labels) =>
      cell.student({
        labels: cell.work({
          operation: 'agreement-filter',
          parameters: { train: learnt },
          labels: { weak, strong },
        }),
        form: labels,
        loss: { name: 'cross-entropy' },
      });
    let student = studentOf(cell.refine({ supervisor: weak, examples }));
    for (let round = 1; round < rounds; round++) student = studentOf(cell.labels(student));
    return cell.evaluate(student);
  },
});

function agreementFilter(bench: WorkBench, parameters: Record<string, unknown>): Label[] {
  const { train: learnt } = z.object({ train }).parse(parameters);
  const weak = byItem(bench, 'weak');
  const strong = byItem(bench, 'strong');
  const kept: Label[] = [];
  let agreed = 0;
  for (const item of bench.items) {
    const [one, other] = [weak.get(item.id), strong.get(item.id)];
    if (one === undefined || other === undefined) continue;
    const inWords = one.probabilities.length === 0;
    const [said, heard] = [one.answer ?? '', other.answer ?? ''];
    const alike = inWords
      ? said.trim() !== '' && heard.trim() !== '' && bench.same(item, said, heard)
      : one.label === other.label;
    if (!alike) continue;
    agreed++;
    if (learnt !== 'strong' && (inWords || learnt === 'weak')) kept.push(one);
    if (learnt !== 'weak' && (inWords || learnt === 'strong')) kept.push(other);
    // Both argmaxes are the same, and so is that of their mean.
    if (learnt === 'both' && !inWords)
      kept.push({ ...labelOf(item.id, mean([one.probabilities, other.probabilities])), label: one.label });
  }
  bench.log(`weak and strong answers agree on ${agreed} of ${bench.items.length} items`);
  return someLeft(
    kept,
    'the weak supervisor and the strong model agree on no item. Show the strong model more examples, or look at its answers: ' +
      'a model that cannot answer in the form of the examples agrees with nobody.',
  );
}
