/** @file Adapters with dropout on WebGPU (SwiftShader): the numbers of the CPU, whole or in parts. */
import { describe, expect, it } from 'vitest';
import { parseDevice } from '../onnx/device.js';
import { hasSwiftShader, onSwiftShader } from '../onnx/testing/swiftshader.js';
import { type GptConfig, initialiseGpt } from './gpt.js';
import { gptNetwork } from './gpt-network.js';
import { languageModelLoss } from './losses/language-model.js';
import { type Step, Tuner } from './tuner.js';

const config: GptConfig = { architecture: 'gpt', layers: 1, width: 8, heads: 2, context: 8, vocabulary: 13 };
const start = initialiseGpt(config, 5);

const rows = [0, 1].map((row) => {
  const ids = [1, 5, 2, 8, 3, 12].map((id) => (id + row) % 13);
  return { ids, labels: ids };
});
const whole: Step = [{ rows, batch: 2, length: 8 }];
const inParts: Step = rows.map((row) => ({ rows: [row], batch: 1, length: 6 }));

async function train(device: string, step: Step) {
  const tuner = await Tuner.open({
    network: gptNetwork(config),
    read: ({ name }) => Promise.resolve(start[name]!),
    loss: languageModelLoss,
    lora: { rank: 2, alpha: 4, dropout: 0.25, targets: 'all-linear' },
    optimizer: { kind: 'adamw', learningRate: 0.05, betas: [0.9, 0.99], eps: 1e-8, weightDecay: 0.01 },
    schedule: { kind: 'constant', warmup: 0 },
    steps: 3,
    clipNorm: 1,
    seed: 1,
    device: parseDevice(device),
  });
  try {
    return await tuner.run([step, step, step]);
  } finally {
    await tuner.release();
  }
}

describe.skipIf(!hasSwiftShader)('training adapters on WebGPU', () => {
  onSwiftShader();

  it.each([
    ['whole steps', whole],
    ['steps in parts', inParts],
  ])('%s', async (_name, step) => {
    const [cpu, gpu] = [await train('cpu', step), await train('webgpu', step)];
    gpu.forEach(({ loss, gradientNorm, learningRate }, i) => {
      expect(loss).toBeCloseTo(cpu[i]!.loss, 4);
      expect(gradientNorm).toBeCloseTo(cpu[i]!.gradientNorm, 4);
      expect(learningRate).toBeCloseTo(cpu[i]!.learningRate, 7);
    });
  });
});
