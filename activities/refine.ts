/** @file `refine`: the strong model's own labels of a shard of B, after weakly labelled examples in its context. */
import { readItems, readLabels, shardRange, writeLabels } from '../datasets/shards.js';
import { taskNamed } from '../datasets/tasks.js';
import { openAnswerer } from './answering/registry.js';
import { folderOf } from './artifacts.js';
import type { StageFunction } from './context.js';
import { parametersOf } from './parameters.js';
import { refineParameters } from './refining/procedure.js';
import { procedures } from './refining/registry.js';

/** Leaves the refined labels of its shard. */
export const refine: StageFunction = async (context) => {
  const asked = parametersOf(context.stage, refineParameters);
  const { split, shard } = asked;
  const procedure = procedures[asked.procedure];
  if (procedure === undefined) throw new RangeError(`there is no procedure ${asked.procedure} of refinement`);
  const task = taskNamed(asked.task);
  const items = await readItems(folderOf(context.input('items')), split);
  const { start, end } = shardRange(items.length, shard.index, shard.of);
  const given = context.has('labels') ? await readLabels(context.inputs('labels').map(folderOf), split) : [];
  const answerer = await openAnswerer({ context, task, folder: folderOf(context.input('model')) });
  try {
    const labels = await procedure({
      context,
      task,
      answerer,
      items,
      own: items.slice(start, end),
      labels: new Map(given.map((label) => [label.id, label])),
      asked,
    });
    await writeLabels(context.folder, split, labels, { shard: shard.index, of: shard.of });
    return {};
  } finally {
    await answerer.release();
  }
};
