/** @file A method of one's own: fine-tuning on weak labels with a loss that asks for a margin. */
import { defineMethod, operators as o, z } from 'temper-w2s';

export default defineMethod({
  name: 'margin',
  summary: 'Fine-tune on the weak labels until the right choice leads by a margin, and no further.',
  formula: '`Σ_c y_c · max(0, margin − (z_c − mean_c z))`, z being the logits',
  source: 'an example',
  parameters: z.object({
    margin: z.number().gt(0).default(1).describe('how far the logit of a label should lead'),
  }),
  losses: {
    // One number an item, [B]; gradients follow from the operators.
    margin: {
      reads: 'choices',
      build: ({ logits, targets }, { margin }) => {
        const lead = o.sub(logits, o.reduceMean(logits, [1], true)); // [B, C]
        const missing = o.relu(o.sub(Number(margin), lead)); // [B, C]
        return o.reduceSum(o.mul(targets, missing), [1]); // [B]
      },
    },
  },
  evaluation: (cell, { margin }) =>
    cell.evaluate(
      cell.student({ labels: cell.weakLabels(), form: 'soft', loss: { name: 'margin', margin } }),
    ),
});
