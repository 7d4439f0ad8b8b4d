/** @file Labels of B: in shards as in one, refined without ever showing an item its own label, or wrong by chance. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UserError } from '../base/errors.js';
import type { JsonObject } from '../base/json.js';
import { readItems, readLabels, readTruth, writeLabels } from '../datasets/shards.js';
import type { Item, Label } from '../datasets/task.js';
import { closeSessions } from '../onnx/session.js';
import type { Stage } from '../plan/stage.js';
import { openLaboratory, run, runAll, stageTitled, type Laboratory } from '../test/stages.js';
import { planOf, tinyDialects, tinySweep } from '../test/sweeps.js';
import { folderOf } from './artifacts.js';

const laboratories: Laboratory[] = [];
async function open(content: JsonObject): Promise<Laboratory> {
  const laboratory = await openLaboratory(planOf(content));
  laboratories.push(laboratory);
  return laboratory;
}
afterAll(async () => {
  for (const laboratory of laboratories) await laboratory.remove();
  await closeSessions();
});

/** The stages of both shards of B. */
const shards = ({ plan }: Laboratory, what: string): Stage[] =>
  [1, 2].map((part) => stageTitled(plan, what.replace(' B', ` B ${part}/2`)));

async function labelsOf({ store }: Laboratory, stages: readonly Stage[]): Promise<Label[]> {
  const folders = [];
  for (const stage of stages) folders.push(folderOf(await store.read(stage)));
  return readLabels(folders, 'B');
}

async function itemsOf({ store, plan }: Laboratory): Promise<Item[]> {
  const artifact = await store.read(plan.stages.find(({ params }) => params['content'] === 'items')!);
  return readItems(folderOf(artifact), 'B');
}

const idsOf = (answers: readonly { id: string }[]): string[] => answers.map(({ id }) => id);
const refined = 'refine B with strong from 3 examples';

describe('labels of B', () => {
  let laboratory: Laboratory;
  beforeAll(async () => {
    laboratory = await open(tinySweep);
    await runAll(laboratory);
  });

  it.each(['label B with weak', refined, 'refine B with strong without examples'])(
    'by "%s" are one for every item, in order, with the most probable choice',
    async (what) => {
      const labels = await labelsOf(laboratory, shards(laboratory, what));
      expect(idsOf(labels)).toEqual(idsOf(await itemsOf(laboratory)));
      for (const { label, probabilities } of labels) {
        expect(probabilities).toHaveLength(2);
        expect(probabilities[0]! + probabilities[1]!).toBeCloseTo(1, 12);
        expect(probabilities[label]).toBe(Math.max(...probabilities));
      }
    },
  );

  it('by chance are wrong as often as the weak supervisor, and certain', async () => {
    const { store, plan } = laboratory;
    const artifact = await store.read(stageTitled(plan, 'shard truth of B'));
    const truth = new Map((await readTruth(folderOf(artifact), 'B')).map(({ id, label }) => [id, label]));
    const errors = (labels: Label[]): string[] =>
      idsOf(labels.filter(({ id, label }) => truth.get(id) !== label));
    const weak = await labelsOf(laboratory, shards(laboratory, 'label B with weak'));
    const random = await labelsOf(laboratory, [stageTitled(plan, 'label B with random errors')]);
    expect(idsOf(random).sort()).toEqual(idsOf(weak).sort());
    expect(errors(weak).length).toBeGreaterThan(0);
    expect(errors(random)).toHaveLength(errors(weak).length);
    for (const { label, probabilities } of random) expect(probabilities[label]).toBe(1);
  });

  it('are refined from the other items’ labels alone: an item’s own is never shown', async () => {
    const weak = await labelsOf(laboratory, shards(laboratory, 'label B with weak'));
    const before = await labelsOf(laboratory, shards(laboratory, refined));
    const other = await open(tinySweep);
    await runAll(
      other,
      shards(other, refined).map(({ key }) => key),
    );
    let changes = 0;
    for (const turned of weak) {
      await putWeakLabels(
        other,
        weak.map((each) => (each === turned ? { ...each, label: 1 - each.label } : each)),
      );
      for (const stage of shards(other, refined)) {
        await forget(other, stage);
        await run(other, stage);
      }
      const after = await labelsOf(other, shards(other, refined));
      const changed = after.filter(
        ({ probabilities }, index) => probabilities[0] !== before[index]!.probabilities[0],
      );
      expect(idsOf(changed)).not.toContain(turned.id);
      changes += changed.length;
    }
    // And others are shown it, or this would prove nothing.
    expect(changes).toBeGreaterThan(weak.length);
  });
});

async function putWeakLabels(laboratory: Laboratory, labels: readonly Label[]): Promise<void> {
  const half = labels.length / 2;
  for (const [shard, stage] of shards(laboratory, 'label B with weak').entries()) {
    const { manifest } = await laboratory.store.read(stage);
    await forget(laboratory, stage);
    const draft = await laboratory.store.draft(stage);
    await writeLabels(draft.folder, 'B', labels.slice(shard * half, (shard + 1) * half), { shard, of: 2 });
    await draft.publish(manifest);
  }
}

async function forget({ store }: Laboratory, { kind, key }: Stage): Promise<void> {
  await rm(join(store.root, 'artifacts', kind, key), { recursive: true });
}

it('a B with fewer items than shards is labelled, refined and learnt from all the same', async () => {
  const laboratory = await open({
    ...tinySweep,
    tasks: { dialects: { ...tinyDialects, splits: { A: 6, B: 1, test: 6 } } },
    methods: ['naive'],
  });
  await runAll(laboratory);
  expect(await labelsOf(laboratory, shards(laboratory, 'label B with weak'))).toHaveLength(1);
  expect(
    await labelsOf(laboratory, shards(laboratory, 'refine B with strong without examples')),
  ).toHaveLength(1);
});

describe('what cannot be asked of a task is the user’s to mend', () => {
  const refinement = async (task: JsonObject, examples: number): Promise<void> => {
    const laboratory = await open({
      ...tinySweep,
      tasks: { dialects: task },
      methods: [{ 'icl-refinement': { examples } }],
    });
    await runAll(laboratory, [shards(laboratory, 'refine B with strong from')[0]!.key]);
  };

  it('more examples than there are other items', async () => {
    const asked = refinement(tinyDialects, 8);
    await expect(asked).rejects.toThrow(UserError);
    await expect(asked).rejects.toThrow('8 examples need 9 items in B, and there are 8');
  });

  it('more examples than fit into the context', async () => {
    const asked = refinement({ ...tinyDialects, splits: { A: 6, B: 12, test: 6 } }, 9);
    await expect(asked).rejects.toThrow(UserError);
    await expect(asked).rejects.toThrow(
      "9 examples and the question make 20 tokens; the model's context is 16",
    );
  });

  it('answers that the corpus has too seldom to know them', async () => {
    const asked = refinement({ ...tinyDialects, documents: 3 }, 1);
    await expect(asked).rejects.toThrow(UserError);
    await expect(asked).rejects.toThrow(/the answer "\w+" is not one token of the model's vocabulary/);
  });
});
