/** @file A model's labels of a shard of a split. */
import { z } from 'zod';
import { readItems, shardRange, writeLabels } from '../../datasets/shards.js';
import { splits, type Item } from '../../datasets/task.js';
import { taskNamed } from '../../datasets/tasks.js';
import { openAnswerer } from '../answering/registry.js';
import { folderOf } from '../artifacts.js';
import type { StageFunction } from '../context.js';
import { parametersOf } from '../parameters.js';

export const shardParameter = z.object({ index: z.int().min(0), of: z.int().min(1) });

const labelParameters = z.object({
  task: z.string(),
  split: z.enum(splits),
  shard: shardParameter,
  samples: z.object({ count: z.int(), temperature: z.number(), seed: z.int() }).optional(),
  /** Which of the item's other wordings is asked, and the task's parameters that they are made from. */
  paraphrase: z.int().optional(),
  parameters: z.record(z.string(), z.unknown()).default({}),
});

export const labelByModel: StageFunction = async (context) => {
  const asked = parametersOf(context.stage, labelParameters);
  const { split, shard, samples, paraphrase } = asked;
  const task = taskNamed(asked.task);
  const all = await readItems(folderOf(context.input('items')), split);
  const { start, end } = shardRange(all.length, shard.index, shard.of);
  const items = all.slice(start, end).flatMap((item): Item[] => {
    if (paraphrase === undefined) return [item];
    const wording = task.paraphrases?.(item, asked.parameters)[paraphrase];
    return wording === undefined ? [] : [{ ...item, text: wording }];
  });
  const answerer = await openAnswerer({ context, task, folder: folderOf(context.input('model')) });
  try {
    const labels = await answerer.answers(
      items.map((item) => ({ item })),
      samples,
    );
    await writeLabels(context.folder, split, labels, { shard: shard.index, of: shard.of });
    context.log(`${labels.length} labels`);
    return {};
  } finally {
    await answerer.release();
  }
};
