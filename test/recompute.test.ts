/** @file Activations computed again take less of a process's memory, and give the same losses and weights. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { packageRoot } from '../base/folders.js';

/** Two steps of a model of twelve layers, in a process of its own: what it came to, and the memory it took. */
async function train(options: { recompute: boolean; adapters: boolean }) {
  const script = `
    const dist = ${JSON.stringify(`${packageRoot()}/dist`)};
    const { createHash } = await import('node:crypto');
    const { Tuner } = await import(dist + '/models/tuner.js');
    const { gptNetwork } = await import(dist + '/models/gpt-network.js');
    const { initialiseGpt } = await import(dist + '/models/gpt.js');
    const { languageModelLoss } = await import(dist + '/models/losses/language-model.js');
    const { parseDevice } = await import(dist + '/onnx/device.js');
    const config = { architecture: 'gpt', layers: 12, width: 64, heads: 4, context: 128, vocabulary: 200 };
    const start = initialiseGpt(config, 1);
    const before = process.resourceUsage().maxRSS;
    const tuner = await Tuner.open({
      network: gptNetwork(config), read: ({ name }) => Promise.resolve(start[name]), loss: languageModelLoss,
      optimizer: { kind: 'adamw', learningRate: 1e-3, betas: [0.9, 0.99], eps: 1e-8, weightDecay: 0 },
      schedule: { kind: 'constant', warmup: 0 }, steps: 2, clipNorm: 1, seed: 1, device: parseDevice('cpu'),
      recompute: ${options.recompute},
      ${options.adapters ? "lora: { rank: 4, alpha: 8, dropout: 0.1, targets: 'all-linear' }," : ''}
    });
    const rows = Array.from({ length: 16 }, (_, row) => {
      const ids = Array.from({ length: 128 }, (_, i) => (7 * i + 13 * row) % 200);
      return { ids, labels: ids };
    });
    const step = [{ rows, batch: 16, length: 128 }];
    const reports = await tuner.run([step, step]);
    const hash = createHash('sha256');
    for (const { data } of Object.values(await tuner.parameters())) hash.update(data);
    const kilobytes = process.resourceUsage().maxRSS - before;
    console.log(JSON.stringify({ reports, weights: hash.digest('hex'), kilobytes }));
    await tuner.release();
  `;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]);
  const { kilobytes, ...results } = JSON.parse(stdout) as { kilobytes: number; [result: string]: unknown };
  return { kilobytes, results };
}

it.each([
  ['all weights', false],
  ['adapters', true],
])('training %s', async (_what, adapters) => {
  const kept = await train({ recompute: false, adapters });
  const again = await train({ recompute: true, adapters });
  expect(again.results).toEqual(kept.results);
  expect(again.kilobytes).toBeLessThan(0.7 * kept.kilobytes);
});
