/** @file `shard`: cuts a task's data into splits. Items, truth and the unlabelled corpus are artifacts of their own. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../base/errors.js';
import { canonicalJson } from '../base/json.js';
import { writeCorpus, writeItems, writeLabels, writeTruth } from '../datasets/shards.js';
import { splits } from '../datasets/task.js';
import { taskNamed } from '../datasets/tasks.js';
import type { StageFunction } from './context.js';
import { parametersOf } from './parameters.js';

const common = { task: z.string(), parameters: z.record(z.string(), z.unknown()), seed: z.int() };
const shardParameters = z.discriminatedUnion('content', [
  z.object({ ...common, content: z.literal('corpus') }),
  z.object({ ...common, content: z.literal('items'), shards: z.int() }),
  z.object({ ...common, content: z.literal('truth'), split: z.enum(splits) }),
  z.object({ ...common, content: z.literal('given'), answers: z.string(), split: z.enum(splits) }),
]);

/** Leaves `corpus-*.parquet`; or every split's items and `report.json`; or one split's truth, or others' answers to it. */
export const shard: StageFunction = async (context) => {
  const { stage, folder } = context;
  const asked = parametersOf(stage, shardParameters);
  const task = taskNamed(asked.task);
  // As planned, without defaults: what a corpus does not depend on is not in a corpus stage's parameters.
  const { parameters } = asked;
  if (asked.content === 'corpus') {
    const texts = await task.corpus(parameters, asked.seed, stage.paths);
    await writeCorpus(folder, texts);
    context.log(`${texts.length} texts`);
    return {};
  }
  const { items, truth, given = {}, report } = await task.examples(parameters, asked.seed, stage.paths);
  if (asked.content === 'truth') {
    await writeTruth(folder, asked.split, truth[asked.split]);
    return {};
  }
  if (asked.content === 'given') {
    const answers = given[asked.answers];
    if (answers === undefined) {
      const known = Object.keys(given).join(', ') || 'none';
      throw new UserError(
        `task ${asked.task} has no answers of "${asked.answers}" in its data; there are those of ${known}.`,
      );
    }
    await writeLabels(folder, asked.split, answers[asked.split]);
    return {};
  }
  for (const split of splits) {
    await writeItems(folder, split, items[split], { of: split === 'B' ? asked.shards : 1 });
    context.log(`${split}: ${items[split].length} items`);
  }
  await writeFile(join(folder, 'report.json'), canonicalJson(report));
  return {};
};
