/** @file The number of threads changes no result: of models as large as the quickstart's, through every stage of a cell. */
import { afterAll, expect, it } from 'vitest';
import { closeSessions } from '../onnx/session.js';
import { manifestOf, openLaboratory, runAll, type Laboratory } from '../test/stages.js';
import { planOf, tinySweep } from '../test/sweeps.js';

const gpt = { architecture: 'gpt', context: 49, pretrain: { steps: 3, warmup: 1 } };
const plan = planOf({
  ...tinySweep,
  tasks: { dialects: { generator: 'dialects', documents: 200 } },
  models: {
    weak: { ...gpt, layers: 1, width: 32, heads: 2 },
    strong: { ...gpt, layers: 2, width: 96, heads: 4 },
  },
  finetune: { steps: 3 },
  methods: ['confidence', { 'icl-refinement': { examples: 23 } }],
  controls: 'none',
});

const laboratories: Laboratory[] = [];
afterAll(async () => {
  for (const laboratory of laboratories) await laboratory.remove();
  await closeSessions();
});

async function digestsOn(threads: number): Promise<[string, string][]> {
  const laboratory = await openLaboratory(plan);
  laboratories.push(laboratory);
  await runAll(laboratory, undefined, { threads });
  const digests: [string, string][] = [];
  for (const stage of plan.stages) digests.push([stage.title, (await manifestOf(laboratory, stage)).digest]);
  return digests;
}

it('on one thread and on three, every stage leaves the same bytes', async () => {
  const alone = await digestsOn(1);
  expect(await digestsOn(3)).toEqual(alone);
});
