/** @file A GPT's training, cut and resumed, on one thread and on several: the same bytes. */
import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../base/random.js';
import { parseDevice } from '../onnx/device.js';
import { logSoftmax, mul, neg, reduceSum } from '../onnx/operators/index.js';
import type { TrainingProgram } from '../onnx/program.js';
import { closeSessions } from '../onnx/session.js';
import { type Batch, initialState, type Tensors, Trainer, type TrainingState } from '../onnx/trainer.js';
import { decodeTrainingState, encodeTrainingState } from '../onnx/training-state.js';
import { type GptConfig, initialiseGpt } from './gpt.js';
import {
  choiceBatch,
  choiceProgram,
  languageModelBatch,
  languageModelProgram,
  type Training,
} from './training.js';

const steps = 6;
const training: Training = {
  steps,
  batch: 64,
  learningRate: 2e-3,
  warmup: 2,
  schedule: 'cosine',
  weightDecay: 0.1,
  betas: [0.9, 0.999],
  eps: 1e-8,
  clipNorm: 1,
};

/** The quickstart's strong model: its products and sums are large enough to be shared among threads. */
const quickstart: GptConfig = {
  architecture: 'gpt',
  layers: 2,
  width: 96,
  heads: 4,
  context: 49,
  vocabulary: 387,
};
/** A table of tokens too long for one-hot rows, whose gradient is added row by row. */
const wordy: GptConfig = { ...quickstart, layers: 1, width: 32, vocabulary: 3000 };

const numbers = (count: number, limit: number, ...purpose: (string | number)[]) => {
  const random = Random.of(11, ...purpose);
  return Array.from({ length: count }, () => random.integer(limit));
};

function languageModel(config: GptConfig, size: { length: number; positions?: number }) {
  const weights = Array.from({ length: size.length + 1 }, (_, i) =>
    size.positions === undefined || i % 2 === 0 ? 1 : 0,
  );
  const batchAt = (step: number): Batch => {
    const rows = Array.from({ length: training.batch }, (_, row) => ({
      tokens: numbers(size.length + 1, config.vocabulary, step, row),
      weights,
    }));
    return languageModelBatch(rows, size);
  };
  return {
    program: languageModelProgram(config, { ...size, training }),
    parameters: initialiseGpt(config, 1),
    batchAt,
  };
}

function choices(config: GptConfig) {
  const size = { length: 2, choices: 2 };
  const batchAt = (step: number): Batch => {
    const rows = Array.from({ length: training.batch }, (_, row) => ({
      tokens: numbers(2, config.vocabulary, step, row),
      choices: numbers(2, config.vocabulary, step, row, 'choices'),
      target: [row % 2, 1 - (row % 2)],
    }));
    return choiceBatch(rows, size);
  };
  const program = choiceProgram(
    config,
    { kind: 'choices' },
    {
      ...size,
      training,
      loss: ({ logits, targets }) => neg(reduceSum(mul(targets, logSoftmax(logits)), [1])),
    },
  );
  return { program, parameters: initialiseGpt(config, 1), batchAt };
}

interface Task {
  readonly program: TrainingProgram;
  readonly parameters: Tensors;
  readonly batchAt: (step: number) => Batch;
}

/** Goes on to step `to`, and returns the state as bytes. */
async function advance(
  { program, batchAt }: Task,
  from: TrainingState,
  to: number,
  device: string,
): Promise<Uint8Array> {
  const trainer = await Trainer.create(program, from, parseDevice(device));
  try {
    await trainer.run(Array.from({ length: to - from.step }, (_, i) => batchAt(from.step + i)));
    return encodeTrainingState(await trainer.state());
  } finally {
    await trainer.release();
  }
}

afterAll(closeSessions);

describe.each<[string, Task]>([
  [
    'pretraining with loss on half of the positions',
    languageModel(quickstart, { length: 48, positions: 24 }),
  ],
  ['pretraining with a large vocabulary', languageModel(wordy, { length: 12 })],
  ['fine-tuning on choices', choices(quickstart)],
])('%s', (_name, task) => {
  it('gives the same bytes uncut and cut anywhere, on any number of threads', async () => {
    const fresh = initialState(task.program, task.parameters);
    const uncut = await advance(task, fresh, steps, 'cpu:1');
    for (const [cut, before, after] of [
      [1, 'cpu:2', 'cpu:1'],
      [3, 'cpu:1', 'cpu:2'],
      [5, 'cpu:2', 'cpu:3'],
    ] as const) {
      const checkpoint = await advance(task, fresh, cut, before);
      const resumed = await advance(task, decodeTrainingState(checkpoint, 'checkpoint'), steps, after);
      expect(Buffer.compare(resumed, uncut), `cut after step ${cut}, ${before} and ${after}`).toBe(0);
    }
  });
});
