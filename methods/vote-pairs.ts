/** @file Vote pairs: the student's own samples vote, and weak answers become the better or the worse one of a pair. */
import { z } from 'zod';
import type { Item, Label } from '../datasets/task.js';
import type { WorkBench } from './definition/label-work.js';
import { defineMethod, type LossChoice } from './definition/method.js';
import { byItem, someLeft } from './label-work/distributions.js';

const thresholds = {
  confidence: z
    .number()
    .min(0)
    .max(1)
    .default(0.6)
    .describe("share of the samples that the majority's answer must have"),
  overrule: z
    .number()
    .min(0)
    .max(1)
    .default(0.8)
    .describe('share that it must have to be taken for better than the weak answer'),
  pairs: z
    .int()
    .min(1)
    .default(1)
    .describe('pairs an item at most; the released code makes 1 on GSM8K and up to 3 on MATH'),
};

export default defineMethod({
  name: 'vote-pairs',
  summary:
    'Train a student on the answers that weak and strong model agree on; then let its samples vote, pair them with the weak answers, and train it on the pairs.',
  formula:
    'Stage I: `agreement-filter`. Stage II: draw `samples` answers to each item from that student; the majority is the final answer that ' +
    'most of them give, its confidence the share that does. Skip the item below `confidence`, or where the majority gives no final ' +
    "answer. Where the weak answer's is the majority's: chosen = the weak answer, rejected = a random sample with another one (skip where " +
    'there is none: too easy). Else, with a confidence of `overrule` or more: chosen = a random sample of the majority, rejected = the ' +
    'weak answer. Train the student further on the pairs, by DPO (beside itself, frozen) or ORPO.',
  source:
    'Yang et al. 2024 (arXiv 2407.13647), stage II; GAIR-NLP/weak-to-strong-reasoning, src/construct_training_data.py:86-269; ' +
    "objective and beta: its LLaMA-Factory settings (ORPO's lambda is their beta, too)",
  answers: ['text'],
  parameters: z.object({
    examples: z.int().min(1).default(4).describe('stage I: weakly labelled items before each question'),
    rounds: z.int().min(1).default(1).describe('stage I: how often items are kept'),
    samples: z.int().min(2).default(10).describe('answers drawn for each item'),
    temperature: z.number().positive().default(1).describe('at which they are drawn'),
    ...thresholds,
    objective: z.enum(['dpo', 'orpo']).default('dpo').describe('how the student is trained on the pairs'),
    beta: z
      .number()
      .positive()
      .default(0.1)
      .describe("DPO's beta, or the weight of ORPO's odds ratio (lambda)"),
    'learning-rate': z
      .number()
      .min(0)
      .default(0)
      .describe('peak learning rate of the training on pairs; 0: that of the fine-tuning'),
  }),
  labelWork: { 'vote-pairs': votePairs },
  evaluation: (cell, p) => {
    const weak = cell.weakLabels();
    const studentOn = (strong: typeof weak) =>
      cell.student({
        labels: cell.work({
          operation: 'agreement-filter',
          parameters: { train: 'both' },
          labels: { weak, strong },
        }),
        form: 'hard',
        loss: { name: 'cross-entropy' },
      });
    let first = studentOn(cell.refine({ supervisor: weak, examples: p.examples }));
    for (let round = 1; round < p.rounds; round++) first = studentOn(cell.labels(first));
    const { samples: count, temperature, confidence, overrule, pairs } = p;
    const labels = cell.work({
      operation: 'vote-pairs',
      parameters: { confidence, overrule, pairs },
      labels: { weak, samples: cell.labels(first, { samples: { count, temperature } }) },
    });
    const loss: LossChoice =
      p.objective === 'dpo' ? { name: 'dpo', beta: p.beta } : { name: 'orpo', lambda: p.beta };
    const rate = p['learning-rate'];
    return cell.evaluate(
      cell.student({
        labels,
        form: 'hard',
        loss,
        from: first,
        ...(p.objective === 'dpo' ? { reference: first } : {}),
        ...(rate === 0 ? {} : { training: { 'learning-rate': rate } }),
      }),
    );
  },
});

/** Pairs [chosen, rejected] from the roles `weak` (an answer an item) and `samples` (several texts an item). */
export function votePairs(bench: WorkBench, parameters: Record<string, unknown>): Label[] {
  const { confidence, overrule, pairs } = z.object(thresholds).parse(parameters);
  const weak = byItem(bench, 'weak');
  const sampled = byItem(bench, 'samples');
  const made: Label[] = [];
  const skipped = { unsure: 0, easy: 0, unanswered: 0 };
  for (const item of bench.items) {
    const given = weak.get(item.id)?.answer ?? '';
    const texts = sampled.get(item.id)?.texts ?? [];
    const majority = majorityOf(bench, item, texts);
    if (given.trim() === '' || majority === undefined) {
      skipped.unanswered++;
      continue;
    }
    const share = majority.length / texts.length;
    const agrees = bench.same(item, given, majority[0]!);
    if (share < confidence || (!agrees && share < overrule)) {
      skipped.unsure++;
      continue;
    }
    // A policy gives an empty text no probability that it could learn from.
    const minority = texts.filter((text) => !majority.includes(text) && text.trim() !== '');
    if (agrees && minority.length === 0) {
      skipped.easy++;
      continue;
    }
    const drawn = bench.random.shuffled(agrees ? minority : majority).slice(0, pairs);
    for (const text of drawn) {
      const [chosen, rejected] = agrees ? [given, text] : [text, given];
      made.push({ id: item.id, label: 0, probabilities: [], answer: chosen, texts: [chosen, rejected] });
    }
  }
  bench.log(
    `${made.length} pairs; skipped: ${skipped.unsure} without a clear majority, ${skipped.easy} too easy, ` +
      `${skipped.unanswered} without an answer`,
  );
  return someLeft(
    made,
    "the student's samples make no pair: they all agree with the weak answers, or no answer has a majority. " +
      'Draw more samples, at a higher temperature, or lower `confidence` and `overrule`.',
  );
}

/** The samples whose final answer most of them give, the first of equals; undefined where most give none. */
function majorityOf(bench: WorkBench, item: Item, texts: readonly string[]): string[] | undefined {
  const groups: string[][] = [];
  const none: string[] = [];
  for (const text of texts) {
    // A text that is not even the same as itself holds no final answer for the grader.
    if (text.trim() === '' || !bench.same(item, text, text)) none.push(text);
    else {
      const group = groups.find(([first]) => bench.same(item, text, first!));
      if (group === undefined) groups.push([text]);
      else group.push(text);
    }
  }
  const largest = groups.reduce<string[]>((best, group) => (group.length > best.length ? group : best), []);
  return largest.length > none.length ? largest : undefined;
}
