/** @file `refine`: the strong model's own labels of a shard of B, after weakly labelled examples in its context. */
import { z } from 'zod';
import { UserError } from '../base/errors.js';
import { Random } from '../base/random.js';
import { readItems, readLabels, shardRange, writeLabels } from '../datasets/shards.js';
import { splits, type Example, type Item } from '../datasets/task.js';
import { taskNamed } from '../datasets/tasks.js';
import { loadModel } from '../models/model.js';
import { Predictor } from '../models/predict.js';
import { parseDevice } from '../onnx/device.js';
import { rowOf } from './answers.js';
import type { StageFunction } from './context.js';
import { folderOf } from './finetune.js';
import { labelOf, shardParameter } from './label.js';
import { parametersOf } from './parameters.js';

const refineParameters = z.object({
  task: z.string(),
  split: z.enum(splits),
  shard: shardParameter,
  examples: z.int().default(0),
  contexts: z.int().default(1),
  seed: z.int().default(0),
});

/**
 * Leaves the refined labels of its shard. An item's own weak label is never shown (2405.16236, algorithm 1); with
 * several contexts the answers' probabilities are averaged.
 */
export const refine: StageFunction = async (context) => {
  const {
    task: name,
    split,
    shard,
    examples,
    contexts,
    seed,
  } = parametersOf(context.stage, refineParameters);
  const task = taskNamed(name);
  const model = await loadModel(folderOf(context.input('model')));
  const items = await readItems(folderOf(context.input('items')), split);
  const answered = context.has('labels')
    ? await exampleOf(items, context.inputs('labels').map(folderOf), split)
    : new Map<string, Example>();
  const { start, end } = shardRange(items.length, shard.index, shard.of);
  const own = items.slice(start, end);
  if (examples > items.length - 1) {
    throw new UserError(
      `${examples} examples need ${examples + 1} items in ${split}, and there are ${items.length}. Ask for fewer examples.`,
    );
  }
  const rows = own.flatMap((item) =>
    Array.from({ length: contexts }, (_, draw) => {
      const others = items.filter(({ id }) => id !== item.id);
      const chosen = Random.of(seed, 'refine', item.id, draw).sample(others, examples);
      return rowOf(
        task,
        model,
        item,
        chosen.map(({ id }) => answered.get(id)!),
      );
    }),
  );
  const predictor = await Predictor.create(model, { device: parseDevice(`cpu:${context.threads}`) });
  try {
    const answers = await predictor.choiceProbabilities(rows);
    const labels = own.map(({ id }, index) =>
      labelOf(id, mean(answers.slice(index * contexts, (index + 1) * contexts))),
    );
    await writeLabels(context.folder, split, labels, { shard: shard.index, of: shard.of });
    context.log(`${labels.length} labels from ${examples} examples in ${contexts} contexts`);
    return {};
  } finally {
    await predictor.release();
  }
};

/** Every item with the supervisor's answer to it, as an example to show. */
async function exampleOf(
  items: readonly Item[],
  folders: string[],
  split: 'A' | 'B' | 'validation' | 'test',
) {
  const labels = new Map((await readLabels(folders, split)).map((answer) => [answer.id, answer.label]));
  return new Map(
    items.map((item): [string, Example] => {
      const chosen = labels.get(item.id);
      if (chosen === undefined) throw new Error(`item ${item.id} has no weak label`);
      return [item.id, { text: item.text, answer: item.choices[chosen]! }];
    }),
  );
}

function mean(rows: readonly number[][]): number[] {
  const first = rows[0]!;
  return first.map((_, column) => rows.reduce((sum, row) => sum + row[column]!, 0) / rows.length);
}
