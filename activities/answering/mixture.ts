/** @file A mixture on questions of numbers: the posterior mean, after examples where there are any. */
import type { Label } from '../../datasets/task.js';
import { answerOf, loadMixture } from '../../models/mixture/model.js';
import type { OpenAnswerer } from './answerer.js';

export const openMixture: OpenAnswerer = async ({ folder }) => {
  const model = await loadMixture(folder);
  return {
    answers: (questions) =>
      Promise.resolve(
        questions.map(({ item, examples = [] }): Label => {
          const answer = answerOf(model, item.text, examples);
          return { id: item.id, label: 0, probabilities: [], answer };
        }),
      ),
    release: () => Promise.resolve(),
  };
};
