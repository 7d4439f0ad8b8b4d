/** @file `relabel`: labels made from labels by an operation of a method; no truth is near. */
import { z } from 'zod';
import { UserError } from '../base/errors.js';
import { Random } from '../base/random.js';
import { readItems, readLabels, writeLabels } from '../datasets/shards.js';
import { splits, type Item, type Label } from '../datasets/task.js';
import { taskNamed } from '../datasets/tasks.js';
import type { WorkBench } from '../methods/definition/label-work.js';
import { labelWorkNamed } from '../methods/definition/registry.js';
import { gradeOf } from '../metrics/grade.js';
import { openAnswerer } from './answering/registry.js';
import { folderOf } from './artifacts.js';
import type { StageContext, StageFunction } from './context.js';
import { parametersOf } from './parameters.js';

const relabelParameters = z.object({
  task: z.string(),
  split: z.enum(splits),
  operation: z.string(),
  parameters: z.record(z.string(), z.json()).default({}),
  roles: z.array(z.string()),
  grading: z.record(z.string(), z.unknown()).default({}),
  seed: z.int(),
});

/** Leaves the labels that the operation makes. */
export const relabel: StageFunction = async (context) => {
  const asked = parametersOf(context.stage, relabelParameters);
  const { split, operation, roles } = asked;
  const task = taskNamed(asked.task);
  const items = await readItems(folderOf(context.input('items')), split);
  const sets = new Map<string, Label[]>();
  for (const role of roles) sets.set(role, await labelsOf(context, role, split, items));
  const bench: WorkBench = {
    items,
    roles,
    labels: (role) => {
      const labels = sets.get(role);
      if (labels === undefined)
        throw new RangeError(`${operation} was given ${roles.join(', ')}, not ${role}`);
      return labels;
    },
    activations: (layer) => activationsOf(context, asked.task, items, layer),
    same: (item, answer, other) => gradeOf(task, answer, other, item, asked.grading).score >= 1,
    random: Random.of(asked.seed, 'relabel', operation.replace(/@.*/, '')),
    log: (line) => context.log(line),
  };
  const labels = await labelWorkNamed(operation)(bench, asked.parameters);
  if (labels.length === 0) {
    throw new UserError(`${context.stage.title}: no label is left of ${items.length} items. Filter less.`);
  }
  await writeLabels(context.folder, split, labels);
  context.log(`${labels.length} labels of ${items.length} items`);
  return {};
};

/** A role's labels, in the order of the items. */
async function labelsOf(
  context: StageContext,
  role: string,
  split: (typeof splits)[number],
  items: readonly Item[],
): Promise<Label[]> {
  const labels = await readLabels(context.inputs(`labels:${role}`).map(folderOf), split);
  const place = new Map(items.map(({ id }, index) => [id, index]));
  return labels.sort((a, b) => (place.get(a.id) ?? 0) - (place.get(b.id) ?? 0));
}

async function activationsOf(
  context: StageContext,
  task: string,
  items: readonly Item[],
  layer: number | undefined,
): Promise<Float32Array[]> {
  const answerer = await openAnswerer({
    context,
    task: taskNamed(task),
    folder: folderOf(context.input('model')),
  });
  try {
    if (answerer.activations === undefined)
      throw new UserError(`${context.stage.title}: this model shows no activations.`);
    return await answerer.activations(items, layer);
  } finally {
    await answerer.release();
  }
}
