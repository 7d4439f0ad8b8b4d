/** @file Probe relabel: a probe on the strong model's activations smooths the weak labels before the student sees them. */
import { z } from 'zod';
import { defineMethod } from './definition/method.js';
import { labelOf } from './label-work/distributions.js';
import { probeChoice, probed, probeParameters, type ProbeChoice } from './label-work/probe.js';

export default defineMethod({
  name: 'probe-relabel',
  summary: "Fine-tune on what a probe on the strong model's activations makes of the weak labels.",
  formula:
    '`y_i ← probe(h_i)`, with `h` the activations of the pretrained strong model at the last token and the probe fitted on ' +
    '`(h, y)`: the mean of the `k` nearest labels, or `argmin mean CE + l2 ‖W‖²`. Then naive fine-tuning.',
  source: 'EleutherAI/w2s, w2s/probe.py and w2s/sft.py (probe_relabel)',
  leavesBehind: [
    'EleutherAI/w2s has probes for two classes; with more, the logistic one is a softmax here and fits distributions.',
  ],
  answers: ['next-token', 'classes', 'preference'],
  parameters: z.object({
    ...probeParameters,
    labels: z.enum(['soft', 'hard']).default('soft').describe("form of the probe's labels"),
  }),
  labelWork: {
    'probe-relabel': async (bench, parameters) => {
      const { labels, predictions } = await probed(bench, parameters);
      const relabelled = labels.map(({ id }, index) => labelOf(id, predictions[index]!));
      const changed = relabelled.filter(({ label }, index) => label !== labels[index]!.label).length;
      bench.log(`the probe answers ${changed} of ${labels.length} items otherwise than their label`);
      return relabelled;
    },
  },
  evaluation: (cell, parameters) =>
    cell.evaluate(
      cell.student({
        labels: cell.work({
          operation: 'probe-relabel',
          parameters: probeChoice(parameters as ProbeChoice),
          labels: { labels: cell.weakLabels() },
          model: cell.strong(),
        }),
        form: parameters.labels,
        loss: { name: 'cross-entropy' },
      }),
    ),
});
