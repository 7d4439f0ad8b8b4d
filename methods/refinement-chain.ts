/** @file A chain of refinements: refined labels are the examples of the next refinement. */
import { z } from 'zod';
import { defineMethod, type Labels } from './definition/method.js';

export default defineMethod({
  name: 'refinement-chain',
  summary:
    'Refine the weak labels in context several times over, each time from the labels of the time before, through models between if there are any.',
  formula:
    '`y⁰` = the weak labels; `yᵗ_i = M_t(q_i | (q_j, yᵗ⁻¹_j), j ≠ i)`, `M_t` the models of `through` one after the other, then the strong ' +
    'model `rounds` times; fine-tune the strong model, as pretrained, on the last `y`.',
  source:
    'Somerstep et al. 2024 (arXiv 2405.16236): refinement through an intermediate model (the notebooks chain gpt-3.5-turbo to gpt-4o-mini); rounds are an addition',
  answers: ['next-token', 'text', 'number'],
  parameters: z.object({
    rounds: z.int().min(1).default(2).describe('refinements by the strong model'),
    through: z
      .array(z.string())
      .default([])
      .describe("models that refine before, by their names in the sweep's models, the first one first"),
    examples: z
      .int()
      .min(1)
      .default(4)
      .describe("labelled items before each question; never the question's own"),
    contexts: z
      .int()
      .min(1)
      .default(1)
      .describe('independent draws of the examples, over which the answers are put together'),
    labels: z.enum(['soft', 'hard']).default('hard').describe('form of the labels that the student learns'),
  }),
  evaluation: (cell, { rounds, through, examples, contexts, labels: form }) => {
    let labels: Labels = cell.weakLabels();
    for (const name of through)
      labels = cell.refine({ supervisor: labels, examples, contexts, by: cell.model(name) });
    for (let round = 0; round < rounds; round++)
      labels = cell.refine({ supervisor: labels, examples, contexts });
    return cell.evaluate(cell.student({ labels, form, loss: { name: 'cross-entropy' } }));
  },
});
