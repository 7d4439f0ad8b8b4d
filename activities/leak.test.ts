/** @file Students cannot see truth: with noise in its place, the labels and weights of every method are the same, byte for byte. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readItems, readLabels, readTruth, writeLabels, writeTruth } from '../datasets/shards.js';
import { splits, type Item, type Label, type Split, type Truth } from '../datasets/task.js';
import { taskNamed } from '../datasets/tasks.js';
import { gradeOf } from '../metrics/grade.js';
import { closeSessions } from '../onnx/session.js';
import { inputKeys, type Stage, type StageKey } from '../plan/stage.js';
import { closure, type Trial } from '../plan/tree.js';
import { manifestOf, openLaboratory, runAll, type Laboratory } from '../test/stages.js';
import { carriedBy, planWith, worldNamed, worldNames } from '../test/worlds.js';
import { folderOf } from './artifacts.js';
import { readEvaluation } from './evaluation.js';

const folder = await mkdtemp(join(tmpdir(), 'temper-leak-'));
afterAll(async () => {
  await closeSessions();
  await rm(folder, { recursive: true, force: true });
});

const worlds = await Promise.all(
  worldNames.map(async (name) => {
    const world = await worldNamed(name, folder);
    const carried = carriedBy(world);
    return { name, world, carried, trained: carried.filter(({ role }) => role === 'method') };
  }),
);

const stagesWhere = ({ plan }: Laboratory, params: Record<string, string>): Stage[] =>
  plan.stages.filter((stage) =>
    Object.entries(params).every(([name, value]) => stage.params[name] === value),
  );
const truthOf = (laboratory: Laboratory, split: Split): Stage | undefined =>
  stagesWhere(laboratory, { content: 'truth', split })[0];

async function itemsOf(laboratory: Laboratory, split: Split): Promise<Item[]> {
  const [stage] = stagesWhere(laboratory, { content: 'items' });
  return readItems(folderOf(await laboratory.store.read(stage!)), split);
}

/** Another answer for two of three: any other choice, or what is right for another item. */
function noisy(truth: readonly Truth[], items: readonly Item[]): Truth[] {
  return truth.map((own, index) => {
    if (index % 3 === 0) return own;
    const choices = items[index]!.choices.length;
    if (choices > 0) return { ...own, label: (own.label + 1) % choices };
    const other = truth.find(({ answer }) => answer !== own.answer);
    return { ...own, answer: `${other?.answer ?? own.answer}` };
  });
}

describe.each(worlds)(
  'on $name, with noise for the truth of B and of test',
  ({ world, carried, trained }) => {
    let asItIs: Laboratory;
    let withNoise: Laboratory;

    beforeAll(async () => {
      asItIs = await openLaboratory(planWith(world, carried));
      await runAll(asItIs);
      withNoise = await openLaboratory(planWith(world, carried));
      for (const split of ['B', 'test'] as const) {
        const stage = truthOf(asItIs, split)!;
        const artifact = await asItIs.store.read(stage);
        const draft = await withNoise.store.draft(stage);
        const truth = await readTruth(folderOf(artifact), split);
        await writeTruth(draft.folder, split, noisy(truth, await itemsOf(asItIs, split)));
        await draft.publish({ ...artifact.manifest });
      }
      await runAll(withNoise);
    });
    afterAll(async () => {
      await asItIs.remove();
      await withNoise.remove();
    });

    /** In the order of the sweep. */
    const trials = (role: Trial['role']): Trial[] =>
      asItIs.plan.cells.flatMap((cell) => cell.trials.filter((trial) => trial.role === role));

    /** What a trial is made of, but for its evaluation. */
    const behind = ({ evaluation }: Trial): Stage[] => {
      const stage = asItIs.plan.stage(evaluation);
      const models = ['model', 'reference', 'labels'].flatMap((role) => stage.inputs[role] ?? []);
      return closure(models, (key) => asItIs.plan.stage(key)).map((key) => asItIs.plan.stage(key));
    };

    const isUnchanged = async (stage: Stage): Promise<boolean> => {
      const [before, after] = await Promise.all([manifestOf(asItIs, stage), manifestOf(withNoise, stage)]);
      return before.digest === after.digest;
    };

    it.each(trained.map((entry, index) => ({ title: entry.title, index })))(
      'all that $title makes is the same, byte for byte',
      async ({ index }) => {
        const stages = behind(trials('method')[index]!);
        expect(new Set(stages.map(({ kind }) => kind))).toContain('finetune');
        for (const stage of stages) expect(await isUnchanged(stage), stage.title).toBe(true);
      },
    );

    it("only a weak supervisor's training, and its boosting, read truth, and that of A alone", () => {
      const readers = new Map<StageKey, Split>();
      for (const split of splits) {
        const stage = truthOf(asItIs, split);
        if (stage !== undefined) readers.set(stage.key, split);
      }
      for (const trial of trials('method')) {
        for (const stage of behind(trial)) {
          const seen = inputKeys(stage).flatMap((key) => readers.get(key) ?? []);
          if (seen.length === 0) continue;
          expect(seen, stage.title).toEqual(['A']);
          const { split, supervisor } = stage.params;
          const isSupervisors = stage.kind === 'finetune' && split === 'A';
          const isBoosting =
            stage.kind === 'label' && typeof supervisor === 'string' && supervisor.startsWith('boosting-');
          expect(isSupervisors || isBoosting, stage.title).toBe(true);
        }
      }
    });

    it('and what may see that truth does change: the ceiling, random labels, evaluations', async () => {
      expect(await isUnchanged(truthOf(asItIs, 'B')!)).toBe(false);
      const [ceiling] = trials('ceiling');
      const onTruth = behind(ceiling!).filter(
        ({ kind, params }) => kind === 'finetune' && params['split'] === 'B',
      );
      const randomErrors = stagesWhere(asItIs, { supervisor: 'random-errors' });
      expect(onTruth).toHaveLength(1);
      for (const stage of [...onTruth, ...randomErrors])
        expect(await isUnchanged(stage), stage.title).toBe(false);
      const evaluations = asItIs.plan.stages.filter(({ kind }) => kind === 'evaluate');
      const same = await Promise.all(evaluations.map(isUnchanged));
      expect(same.filter((unchanged) => !unchanged).length).toBeGreaterThan(0);
    });

    it('no text stands in two splits, and items hold nothing but what may be seen', async () => {
      const items = (await Promise.all(splits.map((split) => itemsOf(asItIs, split)))).flat();
      expect(new Set(items.map(({ text }) => text.trim())).size).toBe(items.length);
      expect(new Set(items.map(({ id }) => id)).size).toBe(items.length);
      for (const item of items) expect(Object.keys(item).sort()).toEqual(['choices', 'id', 'text']);
    });

    it.runIf(carried.some(({ name }) => name === 'random-labels'))(
      "random labels are right on B exactly as often as the weak supervisor's",
      async () => {
        const truth = new Map(
          (await readTruth(folderOf(await asItIs.store.read(truthOf(asItIs, 'B')!)), 'B')).map((own) => [
            own.id,
            own,
          ]),
        );
        const items = new Map((await itemsOf(asItIs, 'B')).map((item) => [item.id, item]));
        const task = taskNamed(stagesWhere(asItIs, { content: 'items' })[0]!.params['task'] as string);
        const [random] = stagesWhere(asItIs, { supervisor: 'random-errors' });
        const right = async (keys: readonly StageKey[]): Promise<number> => {
          const folders = [];
          for (const key of keys) folders.push(folderOf(await asItIs.store.read(asItIs.plan.stage(key))));
          const labels = await readLabels(folders, 'B');
          expect(labels).toHaveLength(items.size);
          return labels.filter(({ id, label, answer }) =>
            answer === undefined
              ? label === truth.get(id)!.label
              : gradeOf(task, answer, truth.get(id)!.answer!, items.get(id)!, {}).score >= 1,
          ).length;
        };
        expect(await right([random!.key])).toBe(await right([random!.inputs['labels']!].flat()));
      },
    );
  },
);

describe('labels that are pure chance', () => {
  it('teach a student nothing: from labels and their opposites it learns opposite things, right half the time', async () => {
    const world = await worldNamed('mails', folder);
    const [naive] = carriedBy(world).filter(({ name }) => name === 'naive');
    const plan = planWith(world, [naive!]);
    const original = await openLaboratory(plan);
    await runAll(original);
    const trial = plan.cells[0]!.trials.find(({ role }) => role === 'method')!;
    const weak = stagesWhere(original, { split: 'B' }).filter(({ kind }) => kind === 'label');
    const accuracies: number[] = [];
    for (const flipped of [false, true]) {
      const laboratory = await openLaboratory(plan);
      for (const [part, stage] of weak.entries()) {
        const artifact = await original.store.read(stage);
        const given = await readLabels(
          weak.map(() => folderOf(artifact)),
          'B',
          { shard: part },
        );
        const drawn = given.map(({ id }, index): Label => {
          const label = ((index * 7 + part * 3 + (index >> 1)) % 2) ^ Number(flipped);
          return { id, label, probabilities: label === 1 ? [0, 1] : [1, 0] };
        });
        const draft = await laboratory.store.draft(stage);
        await writeLabels(draft.folder, 'B', drawn, { shard: part, of: weak.length });
        await draft.publish({ ...artifact.manifest });
      }
      await runAll(laboratory, [trial.evaluation]);
      const evaluation = await readEvaluation(
        await laboratory.store.read({ kind: 'evaluate', key: trial.evaluation }),
      );
      accuracies.push(evaluation.value);
      await laboratory.remove();
    }
    await original.remove();
    expect(accuracies[0]! + accuracies[1]!).toBe(1);
  });
});
