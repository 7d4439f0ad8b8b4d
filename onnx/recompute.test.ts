/** @file What is computed again in the backward pass: the same bits, in less memory. */
import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../base/random.js';
import { parseDevice } from './device.js';
import { Graph, type Value } from './graph.js';
import {
  add,
  gather,
  gemm,
  layerNorm,
  linear,
  mul,
  reduceSum,
  reshape,
  scaledGelu,
  softmax,
} from './operators/index.js';
import { buildTrainingProgram, type Lookup, type ParameterSpec, type ProgramForm } from './program.js';
import { differentiate } from './differentiate.js';
import { differentiateRecomputing } from './recompute.js';
import { closeSessions } from './session.js';
import { sizeOf } from './tensor.js';
import { initialState, Trainer } from './trainer.js';

const [layers, rows, width, steps] = [6, 32, 16, 3];

const parameters: ParameterSpec[] = [
  { name: 'table', shape: [11, width] },
  ...Array.from({ length: layers }, (_, layer) => [
    { name: `${layer}.in`, shape: [4 * width, width] },
    { name: `${layer}.out`, shape: [width, 4 * width] },
    { name: `${layer}.scale`, shape: [width] },
    { name: `${layer}.shift`, shape: [width] },
  ]).flat(),
];

/** A residual stream: each block reads it normed, attends within, and adds to it. The table is read twice. */
function stream(p: Lookup, tokens: Value, mask: Value): Value {
  let x = gather(p('table'), tokens); // [rows, width]
  for (let layer = 0; layer < layers; layer++) {
    const normed = layerNorm(x, p(`${layer}.scale`), p(`${layer}.shift`));
    const mixed = gemm(softmax(add(gemm(normed, normed, undefined, { transB: true }), mask)), normed);
    x = add(x, mixed);
    x = add(x, linear(scaledGelu(linear(x, p(`${layer}.in`))), p(`${layer}.out`)));
  }
  return gemm(x, p('table'), undefined, { transB: true });
}

function program(recompute: boolean, form: ProgramForm) {
  return buildTrainingProgram(
    {
      parameters,
      inputs: [
        { name: 'tokens', dtype: 'int64', shape: [rows] },
        { name: 'mask', dtype: 'float32', shape: [rows] },
      ],
      loss: (_graph, p, inputs) => {
        const logits = stream(p, inputs('tokens'), reshape(mul(inputs('mask'), -1e9), [1, rows]));
        return { total: reduceSum(mul(logits, logits)) };
      },
      optimizer: { kind: 'adamw', learningRate: 0.01, betas: [0.9, 0.99], eps: 1e-8, weightDecay: 0.1 },
      schedule: { kind: 'constant', warmup: 0 },
      clipNorm: 1,
      steps,
      recompute,
    },
    form,
  );
}

const initial = Object.fromEntries(
  parameters.map(({ name, shape }) => {
    const random = Random.of(1, name);
    return [name, { shape, data: Float32Array.from({ length: sizeOf(shape) }, () => 0.2 * random.normal()) }];
  }),
);
const batchAt = (step: number) => ({
  tokens: BigInt64Array.from({ length: rows }, (_, i) => BigInt((7 * i + step) % 11)),
  mask: Float32Array.from({ length: rows }, (_, i) => (i > 28 ? 1 : 0)),
});

afterAll(closeSessions);

describe('activations computed again', () => {
  it.each<ProgramForm>(['scan', 'step'])(
    'give the bits of those that are kept, in the form %s',
    async (form) => {
      const [kept, again] = await Promise.all(
        [false, true].map(async (recompute) => {
          const asked = program(recompute, form);
          const trainer = await Trainer.create(asked, initialState(asked, initial), parseDevice('cpu'));
          const report = await trainer.run(Array.from({ length: steps }, (_, step) => batchAt(step)));
          const state = await trainer.state();
          await trainer.release();
          return { report, state };
        }),
      );
      expect(again).toEqual(kept);
    },
  );

  it('leave a fraction of the memory in use, and take fewer than half as many nodes more', () => {
    const [kept, again] = [program(false, 'accumulate'), program(true, 'accumulate')];
    expect(again.workingBytes).toBeLessThan(kept.workingBytes / 2);
    expect(again.model.byteLength).toBeLessThan(1.6 * kept.model.byteLength);
  });

  it('are cut where one value alone leads on: what is read twice is read again, not computed', () => {
    const graph = new Graph();
    const p = (name: string) =>
      graph.input(name, 'float32', parameters.find((spec) => spec.name === name)!.shape);
    const values = new Map(parameters.map(({ name }) => [name, p(name)]));
    const [tokens, mask] = [
      graph.input('tokens', 'int64', [rows]),
      graph.input('mask', 'float32', [1, rows]),
    ];
    const logits = stream((name) => values.get(name)!, tokens, mask);
    const loss = reduceSum(mul(logits, logits));
    const forward = graph.nodes.length;
    const weights = [...values.values()];
    differentiateRecomputing(loss, weights, { weights, data: [tokens, mask] });
    const repeated = graph.nodes.slice(forward).filter(({ name }) => name.startsWith('backward/again'));
    expect(repeated.filter(({ operator }) => operator.name === 'Softmax')).toHaveLength(layers);
    expect(repeated.filter(({ operator }) => operator.name === 'Gather')).toHaveLength(0);
    expect(() => differentiate(loss, weights)).not.toThrow();
  });
});
