/** @file Bootstrapping: a chain of ever larger models, each taught by the one before it. */
import { z } from 'zod';
import { defineMethod } from './definition/method.js';

export default defineMethod({
  name: 'bootstrapping',
  summary:
    'Teach an intermediate model on the weak labels, the next larger one on its labels, and so on up to the strong model.',
  formula:
    '`weak → M_1 → M_2 → … → strong`: each model, as pretrained, is fine-tuned on the labels of B by the one before it.',
  source: 'Burns et al. 2023 (arXiv 2312.09390), section 4.3.1: bootstrapping with intermediate model sizes',
  parameters: z.object({
    through: z
      .array(z.string())
      .min(1)
      .describe("the intermediate models, by their names in the sweep's models, the first one taught first"),
    labels: z.enum(['soft', 'hard']).default('soft').describe('form of the labels at every link'),
  }),
  evaluation: (cell, { through, labels: form }) => {
    let labels = cell.weakLabels();
    for (const name of through) {
      const link = cell.student({ from: cell.model(name), labels, form, loss: { name: 'cross-entropy' } });
      labels = cell.labels(link);
    }
    return cell.evaluate(cell.student({ labels, form, loss: { name: 'cross-entropy' } }));
  },
});
