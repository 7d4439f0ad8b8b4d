/** @file The steps of a training: which rows go through the model together, padded to which lengths. */
import { UserError } from '../../base/errors.js';
import { type Example, ignoredLabel, type Task } from '../data/example.js';
import { lengthFor, paddedLengths } from '../data/lengths.js';
import { orderOf } from '../data/order.js';
import { countsOf } from '../data/read.js';
import type { TuningRow } from '../losses/loss.js';
import type { Step } from '../tuner.js';
import type { FullSettings } from './settings.js';

export interface StepPlan {
  readonly steps: number;
  /** Rows as a step takes them, and how long they may be; @param step from 0 */
  at(step: number): Step;
}

/**
 * Lays out a training over its rows.
 *
 * @param padId what rows are filled up with, behind their end
 * @throws UserError where a step would have nothing in its loss
 */
export function planSteps(
  examples: readonly Example[],
  settings: FullSettings,
  { task, context, padId, path }: { task: Task; context: number; padId: number; path: string },
): StepPlan {
  const { gradientAccumulation: accumulation, shuffle, groupByLength, seed } = settings;
  // Places for rows that there are not would be computed for nothing.
  const batch = Math.min(settings.batchSize, examples.length);
  const lengths = examples.map(({ ids }) => ids.length);
  const order = orderOf({
    ...{ rows: examples.length, batch, accumulation, shuffle, seed },
    ...(groupByLength ? { lengths } : {}),
  });
  const steps = settings.steps ?? Math.max(1, Math.ceil((settings.epochs ?? 1) * order.stepsPerEpoch));
  const available = paddedLengths(lengths, context);
  const at = (step: number): Step =>
    order.at(step).map((indexes) => {
      const rows = indexes.map((index) => examples[index] as Example);
      const length = lengthFor(available, Math.max(...rows.map(({ ids }) => ids.length)));
      return { rows: rows.map((row) => padded(row, length, padId)), batch, length };
    });
  checkLosses();
  return { steps, at };

  /** A step over nothing has no loss; better said now than after hours. */
  function checkLosses(): void {
    if (examples.every((example) => countsOf(example, task) > 0)) return;
    for (let step = 0; step < steps; step++) {
      const indexes = order.at(step).flat();
      if (indexes.some((index) => countsOf(examples[index] as Example, task) > 0)) continue;
      const places = indexes.map((index) => examples[index]?.place).join(', ');
      throw new UserError(
        `${path}: step ${step + 1} is made of ${places}, and all labels of those are ${ignoredLabel}: it has no loss. ` +
          'Leave rows without labels out, or use larger batches',
      );
    }
  }
}

/** A row filled up on the right with what the mask hides. Exported classifiers may look for the padding's id. */
function padded(example: Example, length: number, padId: number): TuningRow {
  const { ids, mask, segments, positions, labels, target } = example;
  if (ids.length === length) return example;
  const fill = (values: Int32Array, filler: (place: number) => number): Int32Array =>
    Int32Array.from({ length }, (_, i) => values[i] ?? filler(i));
  return {
    ids: fill(ids, () => padId),
    mask: fill(mask ?? new Int32Array(ids.length).fill(1), () => 0),
    ...(segments === undefined ? {} : { segments: fill(segments, () => 0) }),
    ...(positions === undefined ? {} : { positions: fill(positions, (place) => place) }),
    ...(labels === undefined ? {} : { labels: fill(labels, () => ignoredLabel) }),
    ...(target === undefined ? {} : { target }),
  };
}
