/** @file ICL refinement: the answer after labelled examples (2405.16236, algorithm 1); without examples, k = 0. */
import { combined } from './combine.js';
import { contextsOf } from './examples.js';
import type { Procedure } from './procedure.js';

/** An item's own weak label is never shown. */
export const icl: Procedure = async (work) => {
  const { own, answerer, asked } = work;
  const questions = own.flatMap((item) => contextsOf(work, item).map((examples) => ({ item, examples })));
  const answers = await answerer.answers(questions);
  work.context.log(`${own.length} labels from ${asked.examples} examples in ${asked.contexts} contexts`);
  return own.map((item, index) =>
    combined(work, item, answers.slice(index * asked.contexts, (index + 1) * asked.contexts)),
  );
};
