import { describe, expect, it } from 'vitest';
import { Random } from '../base/random.js';
import type { TrainingDefinition } from './definition.js';
import { parseDevice } from './device.js';
import {
  add,
  crossEntropy,
  fusedMatmul,
  gather,
  gelu,
  gemm,
  layerNorm,
  logSoftmax,
  mul,
  reduceMean,
  reshape,
  softmax,
} from './operators/index.js';
import { buildTrainingProgram, type ProgramForm } from './program.js';
import { hasSwiftShader, onSwiftShader } from './testing/swiftshader.js';
import { type Batch, initialState, type Tensors, Trainer } from './trainer.js';

const [rows, length, width, vocabulary, steps] = [4, 6, 8, 12, 10];

/** One layer of attention over embedded tokens and a classifier: what a transformer needs of a device. */
const definition: TrainingDefinition = {
  parameters: [
    { name: 'embedding', shape: [vocabulary, width] },
    { name: 'norm.weight', shape: [width] },
    { name: 'norm.bias', shape: [width] },
    { name: 'layer', shape: [width, width] },
    { name: 'bias', shape: [width] },
    { name: 'head', shape: [vocabulary, width] },
  ],
  inputs: [
    { name: 'tokens', dtype: 'int32', shape: [rows, length] },
    { name: 'targets', dtype: 'int32', shape: [rows * length] },
  ],
  loss: (_graph, p, inputs) => {
    const x = gather(p('embedding'), inputs('tokens'));
    const normed = layerNorm(x, p('norm.weight'), p('norm.bias'));
    const mixed = fusedMatmul(softmax(fusedMatmul(normed, normed, { transB: true, alpha: 0.35 })), normed);
    const flat = reshape(add(x, mixed), [rows * length, width]);
    const h = gelu(gemm(flat, p('layer'), p('bias'), { transB: true }));
    const logits = gemm(h, p('head'), undefined, { transB: true });
    const spread = mul(reduceMean(logSoftmax(logits)), -0.01);
    return { total: add(reduceMean(crossEntropy(logits, inputs('targets'))), spread) };
  },
  optimizer: { kind: 'adamw', learningRate: 0.01, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0.1 },
  schedule: { kind: 'cosine', warmup: 3 },
  clipNorm: 1,
  steps,
};

const parameters: Tensors = Object.fromEntries(
  definition.parameters.map(({ name, shape }) => {
    const random = Random.of(1, name);
    const size = shape.reduce((product, dim) => product * dim, 1);
    return [name, { shape, data: Float32Array.from({ length: size }, () => 0.5 * random.normal()) }];
  }),
);

function batchAt(step: number): Batch {
  const random = Random.of(2, step);
  const draw = () => Int32Array.from({ length: rows * length }, () => random.integer(vocabulary));
  return { tokens: draw(), targets: draw() };
}

describe.runIf(hasSwiftShader)('training on WebGPU, in software', () => {
  onSwiftShader();

  async function train(kind: 'cpu' | 'webgpu', cut = steps) {
    const program = (form: ProgramForm) => buildTrainingProgram(definition, form, kind);
    const step = program('step');
    let trainer = await Trainer.create(step, initialState(step, parameters), parseDevice(kind));
    const losses: number[] = [];
    for (let i = 0; i < steps; i++) {
      if (i === cut) {
        const state = await trainer.state();
        await trainer.release();
        trainer = await Trainer.create(step, state, parseDevice(kind));
      }
      losses.push(...(await trainer.run([batchAt(i)])).loss);
    }
    const trained = await trainer.parameters();
    await trainer.release();
    return { losses, trained };
  }

  it('takes the steps that the CPU takes: losses to 1e-5, weights to 1e-4', async () => {
    const [cpu, gpu] = [await train('cpu'), await train('webgpu')];
    gpu.losses.forEach((loss, i) => expect(Math.abs(loss - (cpu.losses[i] as number))).toBeLessThan(1e-5));
    for (const [name, { data }] of Object.entries(cpu.trained)) {
      const other = gpu.trained[name]?.data as Float32Array;
      data.forEach((value, i) => expect(Math.abs(value - (other[i] as number)), name).toBeLessThan(1e-4));
    }
  });

  it('goes on from a state that was fetched from the device', async () => {
    const [cut, uncut] = [await train('webgpu', 4), await train('webgpu')];
    cut.losses.forEach((loss, i) => expect(Math.abs(loss - (uncut.losses[i] as number))).toBeLessThan(1e-6));
  });

  it('adds up gradients of parts', async () => {
    const losses: Record<string, number> = {};
    for (const kind of ['cpu', 'webgpu'] as const) {
      const [part, apply] = (['accumulate', 'apply'] as const).map((form) =>
        buildTrainingProgram(definition, form, kind),
      ) as [ReturnType<typeof buildTrainingProgram>, ReturnType<typeof buildTrainingProgram>];
      const trainer = await Trainer.create(apply, initialState(apply, parameters), parseDevice(kind));
      for (let i = 0; i < 3; i++) {
        const parts = [0, 1].map((half) => ({ program: part, batch: batchAt(2 * i + half) }));
        losses[kind] = (await trainer.accumulate(parts, apply)).loss;
      }
      await trainer.release();
    }
    expect(Math.abs((losses['cpu'] as number) - (losses['webgpu'] as number))).toBeLessThan(1e-5);
  });
});
