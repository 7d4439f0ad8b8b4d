/** @file The GPT trained here against the GPT trained by PyTorch; the numbers come from fixtures/gpt_parity.py. */
import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { parseDevice } from '../onnx/device.js';
import type { Value } from '../onnx/graph.js';
import * as o from '../onnx/operators/index.js';
import type { TrainingProgram } from '../onnx/program.js';
import { closeSessions } from '../onnx/session.js';
import { sizeOf } from '../onnx/tensor.js';
import { type Batch, initialState, type Tensors, Trainer } from '../onnx/trainer.js';
import type { GptConfig } from './gpt.js';
import { type Head, modelParameters } from './heads.js';
import {
  choiceBatch,
  choiceProgram,
  languageModelBatch,
  languageModelProgram,
  type LossInputs,
  type Training,
} from './training.js';

interface Recorded {
  readonly losses: number[];
  readonly gradientNorms: number[];
  readonly weights: Record<string, { values: number[]; distance: number }>;
}

const recorded = JSON.parse(
  readFileSync(new URL('./fixtures/gpt_parity.json', import.meta.url), 'utf8'),
) as Record<'languageModel' | 'confidence' | 'classification', Recorded>;

// What fixtures/gpt_parity.py says, said again.
const config: GptConfig = { architecture: 'gpt', layers: 2, width: 8, heads: 2, context: 6, vocabulary: 11 };
const [batch, length, steps, classes] = [4, 5, 20, 3];
const training: Training = {
  steps,
  batch,
  learningRate: 0.01,
  warmup: 4,
  schedule: 'cosine',
  weightDecay: 0.1,
  betas: [0.9, 0.95],
  eps: 1e-8,
  clipNorm: 0.5,
};
const confidence = { alpha: 0.75, warmup: 0.2 };

function formula(salt: number, count: number): number[] {
  return Array.from(
    { length: count },
    (_, i) => ((i * 7919 + salt * 104729 + i * i * 31) % 1009) / 1009 - 0.5,
  );
}

function initial(head?: Head): Tensors {
  return Object.fromEntries(
    modelParameters(config, head).map(({ name, shape }) => {
      const salt = [...name].reduce((sum, letter) => sum + letter.charCodeAt(0), 0);
      const values = formula(salt, sizeOf(shape));
      const isScale = name.includes('norm') && name.endsWith('weight');
      return [
        name,
        { shape, data: Float32Array.from(isScale ? values.map((value) => 1 + 0.2 * value) : values) },
      ];
    }),
  );
}

function tokens(step: number, rows: number, columns: number): number[][] {
  const all = Array.from(
    { length: rows * columns },
    (_, i) => (i * 31 + step * 17 + ((i * i) % 7)) % config.vocabulary,
  );
  return Array.from({ length: rows }, (_, r) => all.slice(r * columns, (r + 1) * columns));
}

const last = (b: number, step: number) => (b + step) % length;

function languageModelStep(step: number): Batch {
  const rows = tokens(step, batch, length + 1).map((row, b) => ({
    tokens: row,
    weights: row.map((_, i) => ((b * length + i - 1 + step) % 3 === 0 ? 0.5 : 1)),
  }));
  return languageModelBatch(rows, { length });
}

/** Right padding must not matter, so what stands after the last token is left out here, and kept in PyTorch. */
function choiceStep(step: number): Batch {
  const rows = tokens(step, batch, length).map((row, b) => {
    const weak = ((b * 3 + step * 5) % 8) / 8;
    const first = 2 * b + step;
    return {
      tokens: row.slice(0, last(b, step) + 1),
      choices: [first % config.vocabulary, (first + 1) % config.vocabulary],
      target: [1 - weak, weak],
    };
  });
  return choiceBatch(rows, { length, choices: 2 });
}

function classStep(step: number): Batch {
  const rows = tokens(step, batch, length).map((row, b) => ({
    tokens: row.slice(0, last(b, step) + 1),
    target: Array.from({ length: classes }, (_, c) => ((b + step * 2) % classes === c ? 1 : 0)),
  }));
  return choiceBatch(rows, { length, choices: classes });
}

function softCrossEntropy({ logits, targets }: LossInputs): Value {
  return o.neg(o.reduceSum(o.mul(targets, o.logSoftmax(logits)), [1]));
}

/** As methods/ has it, for a batch whose quantile lies between two of its rows. */
function confidenceLoss({ graph, logits, targets, progress }: LossInputs): Value {
  const p0 = o.detach(o.reshape(o.slice(o.softmax(logits), 1, 0, 1), [batch]));
  const position = o.mul(o.reduceMean(o.slice(targets, 1, 1, 2)), batch - 1);
  const sorted = o.topK(p0, batch, 0, false).values;
  const [below, above] = [o.floor(position), o.ceil(position)].map((at) =>
    o.gather(sorted, o.cast(at, 'int64')),
  ) as [Value, Value];
  const threshold = o.add(below, o.mul(o.sub(position, o.floor(position)), o.sub(above, below)));
  const isFirst = o.unsqueeze(o.cast(o.greaterOrEqual(p0, threshold), 'float32'), 1);
  const own = o.concat([isFirst, o.sub(1, isFirst)], 1);
  const alpha = o.mul(o.min(o.div(progress, confidence.warmup), 1), confidence.alpha);
  const mixed = o.add(o.mul(targets, o.sub(1, alpha)), o.mul(own, alpha));
  return softCrossEntropy({ graph, logits, targets: mixed, progress });
}

async function train(program: TrainingProgram, parameters: Tensors, batchOf: (step: number) => Batch) {
  const trainer = await Trainer.create(program, initialState(program, parameters), parseDevice('cpu:2'));
  const report = await trainer.run(Array.from({ length: steps }, (_, step) => batchOf(step)));
  const { parameters: weights } = await trainer.state();
  await trainer.release();
  return { ...report, weights };
}

function expectParity(trained: Awaited<ReturnType<typeof train>>, expected: Recorded): void {
  expected.losses.forEach((loss, step) => {
    expect(Math.abs((trained.loss[step] as number) - loss) / loss, `loss of step ${step}`).toBeLessThan(1e-4);
    const norm = expected.gradientNorms[step] as number;
    expect(
      Math.abs((trained.gradientNorm[step] as number) - norm) / norm,
      `norm of step ${step}`,
    ).toBeLessThan(1e-4);
  });
  expect(Object.keys(trained.weights).sort()).toEqual(Object.keys(expected.weights).sort());
  for (const [name, { values, distance }] of Object.entries(expected.weights)) {
    const data = trained.weights[name]?.data as Float32Array;
    const farthest = values.reduce(
      (max, value, i) => Math.max(max, Math.abs((data[i] as number) - value)),
      0,
    );
    // Adam blows up the noise of gradients that are nearly zero, as of key biases, in PyTorch as much as here.
    expect(farthest, name).toBeLessThan(Math.max(1e-6, 10 * distance));
  }
}

afterAll(closeSessions);

describe('twenty steps of AdamW with decay, clipping, warm-up and cosine are those of PyTorch', () => {
  it('as a language model', async () => {
    const program = languageModelProgram(config, { length, training });
    expectParity(await train(program, initial(), languageModelStep), recorded.languageModel);
  });

  it('on choices, with the auxiliary confidence loss', async () => {
    const head = { kind: 'choices' } as const;
    const program = choiceProgram(config, head, { length, choices: 2, loss: confidenceLoss, training });
    expectParity(await train(program, initial(), choiceStep), recorded.confidence);
  });

  it('with a classification head over the mean of all tokens', async () => {
    const head = { kind: 'classification', classes, pooling: 'mean' } as const;
    const program = choiceProgram(config, head, {
      length,
      choices: classes,
      loss: softCrossEntropy,
      training,
    });
    expectParity(await train(program, initial(head), classStep), recorded.classification);
  });
});
