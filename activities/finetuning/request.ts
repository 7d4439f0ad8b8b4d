/** @file What every fine-tuning is asked, and the labels it is given. */
import { z } from 'zod';
import { UserError } from '../../base/errors.js';
import { Random } from '../../base/random.js';
import { readItems, readLabels, readTruth } from '../../datasets/shards.js';
import { splits, type Item, type Label } from '../../datasets/task.js';
import { finetuneSchema } from '../../spec/index.js';
import { oneHot } from '../answering/label.js';
import { folderOf } from '../artifacts.js';
import type { StageContext } from '../context.js';
import { parametersOf } from '../parameters.js';

const finetuneParameters = z.object({
  task: z.string(),
  split: z.enum(splits),
  form: z.enum(['soft', 'hard']),
  loss: z.looseObject({ name: z.string() }),
  training: finetuneSchema,
  pooling: z.enum(['last', 'mean']).default('mean'),
  /** Only so many items, the first of the split. */
  items: z.int().optional(),
  /** Which bootstrap sample of the split's rows; none: the rows as they are. */
  resample: z.int().optional(),
  seed: z.int(),
  /** The split whose answers are recorded along the way. Items only: there is no truth of it in here. */
  track: z.enum(splits),
});

export type FinetuneRequest = z.infer<typeof finetuneParameters>;

/** An item and what is taught about it. */
export interface LabelledItem {
  readonly item: Item;
  readonly label: Label;
  /** Normalised: 1 on average. */
  readonly weight: number;
}

/** Items followed along the training at most: enough for a curve, few enough to cost little. */
const trackedItems = 512;

export function finetuneRequest(context: StageContext): FinetuneRequest {
  return parametersOf(context.stage, finetuneParameters);
}

/** The items whose answers are recorded along the way. */
export async function trackedOf(context: StageContext, { track }: FinetuneRequest): Promise<Item[]> {
  return (await readItems(folderOf(context.input('items')), track)).slice(0, trackedItems);
}

/**
 * The split's items with their labels, or with their truth, whichever the plan gave. Items without a label (it was
 * filtered away, or its source abstains) and labels that weigh nothing are left out.
 * @throws UserError where nothing is left
 */
export async function labelledItems(
  context: StageContext,
  request: FinetuneRequest,
): Promise<LabelledItem[]> {
  const { split, form, seed } = request;
  const all = await readItems(folderOf(context.input('items')), split);
  const items = request.items === undefined ? all : all.slice(0, request.items);
  if (request.items !== undefined && request.items > all.length) {
    throw new UserError(
      `${context.stage.title}: ${request.items} items were asked for, and ${split} has ${all.length}. Ask for fewer, or make ${split} larger.`,
    );
  }
  const labels = context.has('truth')
    ? (await readTruth(folderOf(context.input('truth')), split)).map((truth): Label => {
        return { ...truth, probabilities: [] };
      })
    : await readLabels(context.inputs('labels').map(folderOf), split);
  const byItem = new Map<string, Label[]>();
  for (const label of labels) byItem.set(label.id, [...(byItem.get(label.id) ?? []), label]);
  const hard = form === 'hard' || context.has('truth');
  const rows = items.flatMap((item) =>
    (byItem.get(item.id) ?? [])
      .filter(({ weight = 1 }) => weight > 0)
      .map((label): { item: Item; label: Label } => ({
        item,
        label: hard ? { ...label, probabilities: oneHot(label.label, item.choices.length) } : label,
      })),
  );
  if (rows.length === 0) {
    throw new UserError(
      `${context.stage.title}: none of the ${items.length} items of ${split} has a label left to train on. ` +
        'Filter less, or let the supervisor abstain less.',
    );
  }
  if (rows.length < items.length) context.log(`${rows.length} labels of ${items.length} items are left`);
  const drawn =
    request.resample === undefined
      ? rows
      : rows.map((_, index) => {
          const random = Random.of(seed, 'bootstrap', request.resample!, index);
          return rows[random.integer(rows.length)]!;
        });
  const sum = drawn.reduce((total, { label }) => total + (label.weight ?? 1), 0);
  return drawn.map(({ item, label }) => ({
    item,
    label,
    weight: ((label.weight ?? 1) * drawn.length) / sum,
  }));
}

/** 0, 1, 2, 5, 10, 20, 50, … and the last step: where answers are recorded. */
export function recordedSteps(steps: number): Set<number> {
  const recorded = new Set([0, steps]);
  for (let decade = 1; decade < steps; decade *= 10) {
    for (const step of [decade, 2 * decade, 5 * decade]) if (step < steps) recorded.add(step);
  }
  return recorded;
}
