/** @file Label work as a stage: it gets label sets by role, in the order of the items, and fails alone where nothing is left. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readItems, readLabels } from '../datasets/shards.js';
import { closeSessions } from '../onnx/session.js';
import type { Stage } from '../plan/stage.js';
import { openLaboratory, runAll, stageTitled, type Laboratory } from '../test/stages.js';
import { planOf, tinySweep } from '../test/sweeps.js';
import { folderOf } from './artifacts.js';

let laboratory: Laboratory;
beforeAll(async () => {
  laboratory = await openLaboratory(
    planOf({
      ...tinySweep,
      methods: [
        'naive',
        { 'confident-only': { threshold: 1 } },
        { ensemble: { supervisors: 2, combine: 'mean' } },
      ],
      controls: 'none',
    }),
  );
});
afterAll(async () => {
  await laboratory.remove();
  await closeSessions();
});

const evaluationOf = (method: string): string =>
  laboratory.plan.cells[0]!.trials.find((trial) => trial.method.startsWith(method))!.evaluation;
const labelsOf = async (stages: readonly Stage[]) => {
  const folders = [];
  for (const stage of stages) folders.push(folderOf(await laboratory.store.read(stage)));
  return readLabels(folders, 'B');
};

it('hands an operation the labels of all shards of each role, in the order of the items', async () => {
  await runAll(laboratory, [evaluationOf('ensemble')]);
  const together = stageTitled(laboratory.plan, "ensemble of B's labels");
  const sources = ['labels:source-1', 'labels:source-2'].map((role) =>
    [together.inputs[role]!].flat().map((key) => laboratory.plan.stage(key)),
  );
  const [first, second] = await Promise.all(sources.map(labelsOf));
  const made = await labelsOf([together]);
  const items = laboratory.plan.stages.find(({ params }) => params['content'] === 'items')!;
  const ids = (await readItems(folderOf(await laboratory.store.read(items)), 'B')).map(({ id }) => id);
  expect(made.map(({ id }) => id)).toEqual(ids);
  made.forEach(({ probabilities }, index) => {
    const [one, other] = [first![index]!, second![index]!];
    expect([one.id, other.id]).toEqual([ids[index], ids[index]]);
    expect(probabilities[0]).toBeCloseTo((one.probabilities[0]! + other.probabilities[0]!) / 2, 12);
  });
  // Bootstrap samples differ, so supervisors do.
  expect(first).not.toEqual(second);
});

it('where all labels are filtered away says so and what to do, and the other trials go on', async () => {
  await expect(runAll(laboratory, [evaluationOf('confident-only')])).rejects.toThrow(
    /no label is left to train on: none of 8 weak labels .* Ask for a lower threshold/,
  );
  await runAll(laboratory, [evaluationOf('naive')]);
});
