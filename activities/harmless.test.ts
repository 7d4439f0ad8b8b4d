/** @file Real preferences: on hh-rlhf's harmless pairs, a reward model, DPO and SimPO beat chance on pairs held out. */
import { readFile } from 'node:fs/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { sha256 } from '../base/json.js';
import { proportion } from '../metrics/accuracy.js';
import { closeSessions } from '../onnx/session.js';
import { realData } from '../test/real-data.js';
import { openLaboratory, runAll } from '../test/stages.js';
import { planOf } from '../test/sweeps.js';
import { evaluationFile, type Evaluation } from './evaluation.js';

const names = { B: 'hh-rlhf/harmless_train_gt.jsonl', test: 'hh-rlhf/harmless_test.jsonl' };
const [training, held] = [realData(names.B), realData(names.test)];

afterAll(closeSessions);

// As small as it goes: what a larger run of it reaches stands in docs/results.md.
const model = { architecture: 'gpt', layers: 1, width: 16, heads: 2, context: 48, vocabulary: 1000 };

describe.skipIf(training === undefined || held === undefined)(
  'trained on the truth of 1,500 real pairs',
  () => {
    it('each objective tells more than half of 1,500 others, also at the lower end of the interval', async () => {
      const files = { file: training!, 'test-file': held! };
      const content = {
        name: 'harmless',
        tasks: {
          harmless: {
            type: 'preference',
            ...files,
            splits: { A: 40, B: 1500, validation: 0, test: 1500 },
          },
        },
        models: { weak: model, strong: { ...model, pretrain: { steps: 20, batch: 16, warmup: 2 } } },
        pairs: [{ weak: 'weak', strong: 'strong' }],
        finetune: { epochs: 1, batch: 16, 'learning-rate': 4e-3 },
        methods: ['reward-model'],
        controls: [{ 'objective-ceiling': { objective: ['dpo', 'simpo'], supervised: 0 } }],
        seeds: [0],
      };
      const digests: Record<string, string> = {};
      for (const path of Object.values(files)) digests[path] = sha256(await readFile(path));
      const laboratory = await openLaboratory(planOf(content, digests));
      try {
        const wanted = laboratory.plan.stages.filter(({ title }) =>
          title.startsWith("evaluate: finetune strong on B's truth"),
        );
        expect(wanted).toHaveLength(3);
        await runAll(
          laboratory,
          wanted.map(({ key }) => key),
        );
        for (const { kind, key, title } of wanted) {
          const artifact = await laboratory.store.read({ kind, key });
          const evaluation = JSON.parse(await readFile(artifact.path(evaluationFile), 'utf8')) as Evaluation;
          const { value, low } = proportion(evaluation.correct!, evaluation.total);
          expect(evaluation.total).toBe(1500);
          expect(low, `${title}: ${value}`).toBeGreaterThan(0.5);
        }
      } finally {
        await laboratory.remove();
      }
    });
  },
);
