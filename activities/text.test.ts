/** @file Tasks that are answered in words, from a file to measures: given answers, continuations, threads. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../base/json.js';
import { digestOf } from '../datasets/fingerprint.js';
import { readLabels } from '../datasets/shards.js';
import { trainToxicity } from '../metrics/toxicity.js';
import { closeSessions } from '../onnx/session.js';
import type { Plan } from '../plan/plan.js';
import type { Stage } from '../plan/stage.js';
import { manifestOf, openLaboratory, runAll, stageTitled, type Laboratory } from '../test/stages.js';
import { planOf, tinyModels } from '../test/sweeps.js';
import { folderOf } from './artifacts.js';
import { readEvaluation, type Evaluation } from './evaluation.js';

const folder = await mkdtemp(join(tmpdir(), 'temper-text-'));
afterAll(async () => {
  await closeSessions();
  await rm(folder, { recursive: true, force: true });
});

async function planFor(
  name: string,
  rows: readonly JsonObject[],
  sweep: (file: string) => JsonObject,
): Promise<Plan> {
  const file = join(folder, `${name}.jsonl`);
  await writeFile(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return planOf({ name, seeds: 1, ...sweep(file) }, { [file]: await digestOf(file) });
}

const artifactOf = async ({ store, plan }: Laboratory, title: string) => {
  const { kind, key } = stageTitled(plan, title);
  return store.read({ kind, key });
};

/** sha256 of each file. */
const bytesOf = async (laboratory: Laboratory, stage: Stage): Promise<string[]> =>
  (await manifestOf(laboratory, stage)).files.map(({ path, sha256 }) => `${path} ${sha256}`);

async function evaluations(laboratory: Laboratory): Promise<Record<string, Evaluation>> {
  const found: Record<string, Evaluation> = {};
  for (const { method, role, evaluation } of laboratory.plan.cells.flatMap((cell) => cell.trials)) {
    const artifact = await laboratory.store.read({ kind: 'evaluate', key: evaluation });
    found[role === 'method' || role === 'control' ? method : role] = await readEvaluation(artifact);
  }
  return found;
}

const answers = { finetune: { steps: 80, batch: 4, 'learning-rate': 0.02 } };

describe('answers that stand in the data', () => {
  const names = ['ann', 'bob', 'cid', 'dot', 'eve', 'flo', 'gus', 'hal'];
  /** Whoever is asked about has so many apples: the letter's place. The given answers are one too many, half of the time. */
  const rows = names.flatMap((name, n) =>
    ['red', 'big', 'old', 'wet'].map((kind, k) => ({
      question: `how many ${kind} apples has ${name}`,
      answer: `it is\n#### ${n}`,
      tina: `it is #### ${n + (k % 2)}`,
    })),
  );

  it('supervise without a model, and are measured by the grader like any other', async () => {
    const plan = await planFor('apples', rows, (file) => ({
      tasks: {
        apples: {
          type: 'question-answer',
          file,
          grader: 'gsm8k',
          given: { tina: 'tina' },
          splits: { A: 6, B: 14, validation: 0, test: 12 },
        },
      },
      models: {
        tina: { answers: 'tina' },
        strong: { ...tinyModels.strong, tokenizer: 'bytes', context: 64, ...answers },
      },
      pairs: [{ weak: 'tina', strong: 'strong' }],
      methods: ['naive'],
      controls: 'none',
    }));
    const laboratory = await openLaboratory(plan);
    try {
      await runAll(laboratory, undefined, { threads: 2 });
      const { weak, naive } = await evaluations(laboratory);
      expect(weak!.total).toBe(12);
      expect(weak!.value).toBeGreaterThan(0.2);
      expect(weak!.value).toBeLessThan(0.8);
      expect(naive!.correct).toBe(naive!.scores.filter((score) => score === 1).length);
      // Whoever learns from B's truth has learnt how an answer looks, and where it ends.
      const ceiling = await artifactOf(laboratory, "evaluate: finetune strong on B's truth");
      const written = await readLabels([folderOf(ceiling)], 'test');
      expect(written).toHaveLength(12);
      expect(written.filter(({ answer }) => /^it is\n#### \d+$/u.test(answer ?? '')).length).toBeGreaterThan(
        6,
      );
    } finally {
      await laboratory.remove();
    }
  });
});

describe('continuations', () => {
  const rows = Array.from({ length: 48 }, (_, n) => {
    const isToxic = n % 3 === 0;
    return {
      prompt: { text: `person ${n} was`, toxicity: 0.1 },
      continuation: { text: isToxic ? 'vile and vile' : 'kind and kind', toxicity: isToxic ? 0.9 : 0.1 },
    };
  });

  it('are measured by their toxicity, who is taught civil ones writes civil ones, and threads change no byte', async () => {
    const plan = await planFor('toxicity', rows, (file) => ({
      tasks: { toxicity: { type: 'continuation', file, splits: { A: 12, B: 20, validation: 0, test: 16 } } },
      models: { weak: { ...tinyModels.weak, ...answers }, strong: { ...tinyModels.strong, ...answers } },
      pairs: [{ weak: 'weak', strong: 'strong' }],
      methods: ['naive'],
      controls: ['zero-shot'],
    }));
    const [laboratory, onTwo] = [await openLaboratory(plan), await openLaboratory(plan)];
    try {
      await runAll(laboratory);
      const { ceiling, naive } = await evaluations(laboratory);
      expect(ceiling!.metric).toEqual({ name: 'toxicity', higherIsBetter: false });
      expect(ceiling!.correct).toBeNull();
      expect(ceiling!.value).toBeLessThan(0.3);
      expect(ceiling!.measures['toxic']).toBe(0);
      const written = await readLabels(
        [folderOf(await artifactOf(laboratory, "evaluate: finetune strong on B's truth"))],
        'test',
      );
      const score = trainToxicity(rows.flatMap(({ prompt, continuation }) => [prompt, continuation]));
      expect(ceiling!.scores).toEqual(written.map(({ answer }) => score(answer!)));
      expect(naive!.scores).toHaveLength(16);
      await runAll(onTwo, undefined, { threads: 2 });
      for (const stage of onTwo.plan.stages)
        expect(await bytesOf(onTwo, stage), stage.title).toEqual(await bytesOf(laboratory, stage));
    } finally {
      await laboratory.remove();
      await onTwo.remove();
    }
  });
});
