/** @file Which labelled items are shown before a question; never the question's own. */
import { UserError } from '../../base/errors.js';
import { Random } from '../../base/random.js';
import type { Example, Item, Label } from '../../datasets/task.js';
import type { RefineWork } from './procedure.js';

/**
 * The examples of each of a question's contexts. `drawn`: others, drawn for each question and context; `batches`: those
 * of the question's batch of examples + 1 (2405.16236, released code), of B as it stands for the first context and of B
 * shuffled for each further one. Batches never spread over items of other shards only because B is cut: they are
 * batches of the whole of B.
 * @throws UserError where there are not enough labelled items
 */
export function contextsOf(work: RefineWork, item: Item): Example[][] {
  const { examples, contexts, draw } = work.asked;
  return Array.from({ length: contexts }, (_, context) => {
    if (examples === 0) return [];
    const chosen = draw === 'drawn' ? drawn(work, item, context) : batched(work, item, context);
    return chosen.map((other) => ({ text: other.text, answer: answerOf(other, work.labels.get(other.id)!) }));
  });
}

function drawn({ items, labels, asked }: RefineWork, item: Item, context: number): Item[] {
  const others = items.filter(({ id }) => id !== item.id && labels.has(id));
  if (asked.examples > others.length) throw tooFew(asked.examples, others.length, asked.split);
  return Random.of(asked.seed, 'refine', item.id, context).sample(others, asked.examples);
}

function batched({ items, labels, asked }: RefineWork, item: Item, context: number): Item[] {
  const size = asked.examples + 1;
  // What nobody labelled is no example, but it is a question: it sees the batch that it would stand in.
  const order =
    context === 0 ? [...items] : Random.of(asked.seed, 'refine', 'batches', context).shuffled(items);
  if (size > order.length) throw tooFew(asked.examples, order.length - 1, asked.split);
  const place = order.findIndex(({ id }) => id === item.id);
  // The last batch is filled up from the one before it, so that every question sees as many examples.
  const start = Math.min(Math.floor(place / size) * size, order.length - size);
  return order.slice(start, start + size).filter(({ id }) => id !== item.id && labels.has(id));
}

function tooFew(examples: number, others: number, split: string): UserError {
  return new UserError(
    `${examples} examples need ${examples + 1} items in ${split}, and there are ${others + 1}. Ask for fewer examples.`,
  );
}

/** What a label says, in words. */
export function answerOf(item: Item, label: Label): string {
  return label.answer ?? item.choices[label.label] ?? '';
}
