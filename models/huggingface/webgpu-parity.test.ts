/**
 * @file The trainings of training-parity.test.ts on WebGPU, as far as a GPU in software (SwiftShader) is fast enough:
 * a decoder and an encoder in full, adapters on grouped heads. Losses and norms to 1e-4 of PyTorch's; weights to a
 * hundred times the distance between PyTorch's own float32 and float64 runs.
 */
import { describe, it } from 'vitest';
import { hasSwiftShader, onSwiftShader } from '../../onnx/testing/swiftshader.js';
import { recordedNumbers } from './testing/fixtures.js';
import { trained } from './testing/trainings.js';

describe.runIf(hasSwiftShader)('exported models on WebGPU, in software', () => {
  onSwiftShader();

  const webgpu = { device: 'webgpu', steps: 20 } as const;

  it('GPT-2, all parameters', () =>
    trained({ ...webgpu, name: 'gpt2', road: 'optimum' }, recordedNumbers('gpt2').full));

  it('GPT-2, steps of four batches with unequal numbers of tokens', () =>
    trained(
      { device: 'webgpu', steps: 5, parts: 4, name: 'gpt2', road: 'optimum' },
      recordedNumbers('gpt2').accumulation,
    ));

  it('a BERT classifier, all parameters', () =>
    trained({ ...webgpu, name: 'bert', road: 'optimum' }, recordedNumbers('bert').full));

  it('Llama with grouped heads, adapters', () =>
    trained({ ...webgpu, name: 'llama', road: 'optimum', adapter: 'lora' }, recordedNumbers('llama').lora));

  it('Qwen 3, adapters', () =>
    trained({ ...webgpu, name: 'qwen3', road: 'dynamo', adapter: 'lora' }, recordedNumbers('qwen3').lora));
});
