/** @file Reliability: labels count by how steadily they are given when the question is put again in another way. */
import { z } from 'zod';
import { defineMethod, type Labels } from './definition/method.js';
import { reliability, steadinessParameters } from './label-work/steadiness.js';

export default defineMethod({
  name: 'reliability',
  summary:
    'Ask for each label several times in other ways, and drop or weigh down the items that are answered unsteadily.',
  formula:
    'each item is answered `asked` times: by the weak supervisor in its own and in other words (`by: paraphrase`), or by the strong ' +
    'model after so many draws of weakly labelled examples (`by: contexts`). With `s_a` the share of answer `a`: `filter` keeps items ' +
    'with `H = −Σ s_a ln s_a ≤ median(H)`; `reweight` multiplies the loss of each answer by `softmax(s / temperature)_a`. The student ' +
    'learns from all answers to an item, that is, from `y_a ∝ s_a` (times that factor).',
  source: 'Guo & Yang 2024 (arXiv 2406.19032); Irenehere/ReliableAlignment (temperature 0.2, five wordings)',
  leavesBehind: [
    'Irenehere/ReliableAlignment leaves out items with an answer that cannot be parsed; here only that answer is left out.',
  ],
  answers: ['next-token', 'classes', 'preference', 'text'],
  refuses: ({ answer, hasParaphrases, definition }, { by }) => {
    if (by === 'paraphrase' && !hasParaphrases)
      return `${definition} has no other words for an item; ask for by: contexts, or give the task paraphrases`;
    if (by === 'contexts' && answer !== 'next-token' && answer !== 'text')
      return `by: contexts shows the strong model examples, and tasks answered by ${answer} have no context to show them in`;
    return undefined;
  },
  parameters: z.object({
    by: z
      .enum(['paraphrase', 'contexts'])
      .default('paraphrase')
      .describe('the weak supervisor asked in other words, or the strong model after other examples'),
    use: steadinessParameters.use,
    asked: z.int().min(2).default(5).describe('how often each item is asked'),
    examples: z.int().min(1).default(4).describe('by contexts: weakly labelled items before each question'),
    temperature: steadinessParameters.temperature,
    labels: z
      .enum(['soft', 'hard'])
      .default('soft')
      .describe('soft: the shares of the answers; hard: the commonest'),
  }),
  labelWork: { reliability },
  evaluation: (cell, { by, use: chosen, asked, examples, temperature: heat, labels }) => {
    const answers: Record<string, Labels> = {};
    if (by === 'contexts') {
      const supervisor = cell.weakLabels();
      answers['votes'] = cell.refine({ supervisor, examples, contexts: asked, combine: 'vote' });
    } else {
      answers['own-words'] = cell.weakLabels();
      for (let paraphrase = 0; paraphrase < asked - 1; paraphrase++)
        answers[`other-words-${paraphrase + 1}`] = cell.weakLabels({ paraphrase });
    }
    return cell.evaluate(
      cell.student({
        labels: cell.work({
          operation: 'reliability',
          parameters: { use: chosen, ...(chosen === 'reweight' ? { temperature: heat } : {}) },
          labels: answers,
        }),
        form: labels,
        loss: { name: 'cross-entropy' },
      }),
    );
  },
});
