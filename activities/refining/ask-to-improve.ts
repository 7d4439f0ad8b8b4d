/** @file Ask-to-improve: the strong model is shown an item's own weak answer and improves it (2405.16236, algorithm 3). */
import { improveTemplate } from '../../methods/refinement/prompts.js';
import { answerOf } from './examples.js';
import type { Procedure } from './procedure.js';
import { oneLine, promptTemplate } from './templates.js';
import { written, writerOf } from './writing.js';

/** Items that nobody answered are left out: there is nothing to improve. */
export const askToImprove: Procedure = async (work) => {
  const { own, labels, asked, context } = work;
  const improve = promptTemplate('improve', asked.prompts['improve'] ?? improveTemplate);
  const answered = own.filter(({ id }) => labels.has(id));
  const answers = await writerOf(work)(
    answered.map((item) =>
      improve({
        question: oneLine(item.text),
        answer: oneLine(answerOf(item, labels.get(item.id)!)),
      }),
    ),
  );
  const changed = answered.filter(
    (item, index) => answers[index] !== answerOf(item, labels.get(item.id)!).trim(),
  ).length;
  context.log(`${changed} of ${answered.length} answers changed`);
  return answered.map((item, index) => written(item, answers[index]!));
};
