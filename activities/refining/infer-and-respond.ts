/** @file Infer-and-respond: the style of weak answers put into words, then an answer in it (2405.16236, algorithm 2). */
import { UserError } from '../../base/errors.js';
import { Random } from '../../base/random.js';
import type { Item } from '../../datasets/task.js';
import { inferTemplate, respondTemplate } from '../../methods/refinement/prompts.js';
import { combined } from './combine.js';
import { answerOf, contextsOf } from './examples.js';
import type { Procedure, RefineWork } from './procedure.js';
import { oneLine, promptTemplate } from './templates.js';
import { written, writerOf } from './writing.js';

/** Tokens that a sentence about the style may have. */
const styleTokens = 48;

/**
 * `batches`: the style of a batch is inferred from all its weak answers, the question's own among them, as in the paper;
 * `drawn`: from other items' alone, for each question. The answer itself is never given to whoever responds.
 */
export const inferAndRespond: Procedure = async (work) => {
  const { own, asked, context } = work;
  const write = writerOf(work);
  const infer = promptTemplate('infer', asked.prompts['infer'] ?? inferTemplate);
  const respond = promptTemplate('respond', asked.prompts['respond'] ?? respondTemplate);
  const asking = own.flatMap((item) =>
    shownFor(work, item).map((examples) => ({ item, prompt: infer({ examples }) })),
  );
  // Whole batches share a prompt: each is asked once.
  const prompts = [...new Set(asking.map(({ prompt }) => prompt))];
  const sentences = await write(prompts, { tokens: styleTokens, stop: ['Question:'] });
  const styles = new Map(prompts.map((prompt, index) => [prompt, oneLine(sentences[index]!)]));
  const nameless = [...styles.values()].filter((style) => style === '').length;
  context.log(`${styles.size} styles inferred, ${nameless} of them empty`);
  const answers = await write(
    asking.map(({ item, prompt }) => respond({ question: oneLine(item.text), style: styles.get(prompt)! })),
  );
  return own.map((item, index) => {
    const answered = answers.slice(index * asked.contexts, (index + 1) * asked.contexts);
    return combined(
      work,
      item,
      answered.map((answer) => written(item, answer)),
    );
  });
};

interface Shown {
  readonly question: string;
  readonly answer: string;
  readonly [field: string]: string;
}

/** The examples of each of a question's contexts. */
function shownFor(work: RefineWork, item: Item): Shown[][] {
  const { draw, contexts, examples } = work.asked;
  if (examples === 0) {
    throw new UserError('infer-and-respond needs examples to infer a style from: ask for 1 or more.');
  }
  if (draw === 'drawn') {
    return contextsOf(work, item).map((shown) =>
      shown.map(({ text, answer }) => ({ question: oneLine(text), answer: oneLine(answer) })),
    );
  }
  return Array.from({ length: contexts }, (_, index) =>
    batchOf(work, item, index).map((other) => ({
      question: oneLine(other.text),
      answer: oneLine(answerOf(other, work.labels.get(other.id)!)),
    })),
  );
}

/** The labelled items of a question's batch of `examples`; B as it stands, and shuffled for each further context. */
function batchOf({ items, labels, asked }: RefineWork, item: Item, context: number): Item[] {
  const size = Math.min(asked.examples, items.length);
  const order = context === 0 ? items : Random.of(asked.seed, 'refine', 'batches', context).shuffled(items);
  const place = order.findIndex(({ id }) => id === item.id);
  // The last batch is filled up from the one before it, so that every style is inferred from as many answers.
  const start = Math.min(Math.floor(place / size) * size, order.length - size);
  return order.slice(start, start + size).filter(({ id }) => labels.has(id));
}
