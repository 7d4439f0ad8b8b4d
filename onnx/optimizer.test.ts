/** @file Optimizers and schedules against their formulas, and against what PyTorch makes of a hundred steps. */
import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { parseDevice } from './device.js';
import { evaluate } from './evaluate.js';
import { Graph } from './graph.js';
import { mul, reduceSum } from './operators/index.js';
import { type Optimizer } from './optimizer.js';
import { buildTrainingProgram } from './program.js';
import { type Schedule, scheduleFactor } from './schedule.js';
import { closeSessions } from './session.js';
import { initialState, Trainer } from './trainer.js';

afterAll(closeSessions);

const recorded = JSON.parse(
  readFileSync(new URL('./fixtures/optimizers.json', import.meta.url), 'utf8'),
) as Record<string, { weights: number[][]; norms: number[] }>;

/** Gradients that change sign and size, as fixtures/optimizers.py has them. */
const gradientAt = (step: number) =>
  Float32Array.from([0, 1, 2], (i) => (((step * 37 + i * 11) % 101) / 101 - 0.4) * 10 ** (i - 1));

/** Weights after each step when the gradient is given: the loss is Σ gradient·weight. */
async function trajectory(optimizer: Optimizer, steps: number, clipNorm?: number) {
  const program = buildTrainingProgram({
    parameters: [{ name: 'w', shape: [3], decay: true }],
    inputs: [{ name: 'gradient', dtype: 'float32', shape: [3] }],
    loss: (_graph, parameters, inputs) => ({ total: reduceSum(mul(parameters('w'), inputs('gradient'))) }),
    optimizer,
    schedule: { kind: 'linear', warmup: 10 },
    clipNorm,
    steps,
  });
  const w = { shape: [3], data: Float32Array.of(1, -0.5, 0.25) };
  const trainer = await Trainer.create(program, initialState(program, { w }), parseDevice('cpu'));
  const weights: number[][] = [];
  const norms: number[] = [];
  for (let step = 0; step < steps; step++) {
    const { gradientNorm } = await trainer.run([{ gradient: gradientAt(step) }]);
    weights.push([...((await trainer.parameters())['w']?.data as Float32Array)]);
    norms.push(gradientNorm[0] as number);
  }
  await trainer.release();
  return { weights, norms };
}

describe('an optimizer takes the steps of PyTorch', () => {
  const adamw = {
    kind: 'adamw',
    learningRate: 0.05,
    betas: [0.9, 0.999],
    eps: 1e-3,
    weightDecay: 0.1,
  } as const;
  const cases: Record<string, [Optimizer, number?]> = {
    adam: [{ ...adamw, weightDecay: 0, eps: 1e-8 }],
    adamw: [adamw],
    adamw_clipped: [adamw, 0.5],
    sgd: [{ kind: 'sgd', learningRate: 0.05, weightDecay: 0.1 }],
    sgd_clipped: [{ kind: 'sgd', learningRate: 0.05, weightDecay: 0 }, 0.5],
    sgd_momentum: [{ kind: 'sgd', learningRate: 0.05, weightDecay: 0.1, momentum: 0.9 }],
    sgd_nesterov: [{ kind: 'sgd', learningRate: 0.05, weightDecay: 0, momentum: 0.9, nesterov: true }, 0.5],
  };
  it.each(Object.entries(cases))('%s', async (name, [optimizer, clipNorm]) => {
    const expected = recorded[name] as (typeof recorded)[string];
    const { weights, norms } = await trajectory(optimizer, expected.weights.length, clipNorm);
    weights.forEach((row, step) => {
      row.forEach((weight, i) => {
        const difference = Math.abs(weight - (expected.weights[step]?.[i] as number));
        expect(difference, `weight ${i} after step ${step}`).toBeLessThan(2e-6);
      });
      expect(norms[step]).toBeCloseTo(expected.norms[step] as number, 5);
    });
  });
});

const transformers = JSON.parse(
  readFileSync(new URL('./fixtures/schedules.json', import.meta.url), 'utf8'),
) as Record<Schedule['kind'], number[]>;

describe('a schedule', () => {
  const steps = 40;
  it.each(['constant', 'linear', 'cosine'] as const)('%s from zero is that of transformers', async (kind) => {
    const graph = new Graph();
    const step = graph.input('step', 'float64', []);
    const expected = transformers[kind];
    const factor = scheduleFactor(step, { kind, warmup: 7, warmupFrom: 'zero' }, expected.length);
    for (const [t, value] of expected.entries()) {
      const { factor: actual } = await evaluate(
        { factor },
        { step: { shape: [], data: Float64Array.of(t) } },
      );
      expect(actual?.data[0], `step ${t}`).toBeCloseTo(value, 12);
    }
  });

  const closedForms: Record<Schedule['kind'], (u: number) => number> = {
    constant: () => 1,
    linear: (u) => 1 - u,
    cosine: (u) => (1 + Math.cos(Math.PI * u)) / 2,
  };

  it.each(['constant', 'linear', 'cosine'] as const)('%s follows its formula at every step', async (kind) => {
    for (const warmup of [0, 1, 8, steps]) {
      const graph = new Graph();
      const step = graph.input('step', 'float64', []);
      const factor = scheduleFactor(step, { kind, warmup }, steps);
      for (let t = 0; t < steps; t += 3) {
        const { factor: actual } = await evaluate(
          { factor },
          { step: { shape: [], data: Float64Array.of(t) } },
        );
        const expected = t < warmup ? (t + 1) / warmup : closedForms[kind]((t - warmup) / (steps - warmup));
        expect(actual?.data[0], `step ${t} of ${steps} with ${warmup} of warm-up`).toBeCloseTo(expected, 12);
      }
    }
  });
});
