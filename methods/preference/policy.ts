/** @file What the methods that train a policy on preferences share: parameters, and the supervised step before. */
import { z } from 'zod';
import type { Stage } from '../../plan/stage.js';
import type { Cell, LabelForm, Labels, LossChoice } from '../definition/method.js';

export const policyParameters = {
  labels: z
    .enum(['soft', 'hard'])
    .default('hard')
    .describe(
      'hard: the response that the weak supervisor prefers is taken to be the better one; soft: each as far as the weak ' +
        'supervisor finds it to be (the conservative form)',
    ),
  'learning-rate': z
    .number()
    .min(0)
    .default(0)
    .describe('peak learning rate of this training; 0: that of the fine-tuning'),
};

export const supervisedParameter = z
  .number()
  .min(0)
  .default(1)
  .describe('epochs of supervised training on the preferred responses before; 0: none');

interface PolicyRequest {
  readonly labels: Labels;
  readonly form: LabelForm;
  readonly loss: LossChoice;
  /** 0: the fine-tuning's. */
  readonly rate: number;
}

/** A policy trained by a loss that compares with no reference. */
export function policy(cell: Cell, { labels, form, loss, rate }: PolicyRequest): Stage {
  return cell.student({ labels, form, loss, ...trainingAt(rate) });
}

/** The strong model, after supervised training on the responses that `labels` prefer: what DPO begins at and compares with. */
export function supervisedStart(cell: Cell, labels: Labels, form: LabelForm, epochs: number): Stage {
  if (epochs === 0) return cell.strong();
  return cell.student({ labels, form, loss: { name: 'chosen-responses' }, training: { epochs } });
}

/** A policy trained from `start`, which is its frozen reference, too. */
export function policyBeside(cell: Cell, start: Stage, { labels, form, loss, rate }: PolicyRequest): Stage {
  return cell.student({ labels, form, loss, from: start, reference: start, ...trainingAt(rate) });
}

const trainingAt = (rate: number) => (rate === 0 ? {} : { training: { 'learning-rate': rate } });
