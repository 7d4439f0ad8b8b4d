/** @file Predictions: the same for a row whoever its neighbours are, and the same as the training graph's. */
import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../base/random.js';
import { parseDevice } from '../onnx/device.js';
import { logSoftmax, mul, neg, reduceSum } from '../onnx/operators/index.js';
import { closeSessions, openSessionCount } from '../onnx/session.js';
import { initialState, type Tensors, Trainer } from '../onnx/trainer.js';
import { initialiseGpt, type GptConfig } from './gpt.js';
import { type Head, withHead } from './heads.js';
import { Predictor } from './predict.js';
import {
  choiceBatch,
  choiceProgram,
  languageModelBatch,
  languageModelProgram,
  type LossBuilder,
  type Training,
} from './training.js';

// Wide enough for ONNX Runtime to pick its blocked and threaded kernels.
const config: GptConfig = {
  architecture: 'gpt',
  layers: 2,
  width: 32,
  heads: 4,
  context: 20,
  vocabulary: 50,
};
const parameters = initialiseGpt(config, 'predictions');
const device = parseDevice('cpu');
const training: Training = {
  steps: 10,
  batch: 8,
  learningRate: 1e-2,
  warmup: 0,
  schedule: 'constant',
  weightDecay: 0,
  betas: [0.9, 0.999],
  eps: 1e-8,
};
const crossEntropyLoss: LossBuilder = ({ logits, targets }) =>
  neg(reduceSum(mul(targets, logSoftmax(logits)), [1]));

const random = Random.of(4, 'rows');
const draw = (count: number, limit: number) => Array.from({ length: count }, () => random.integer(limit));
const rows = Array.from({ length: 90 }, (_, i) => ({
  tokens: draw(1 + random.integer(config.context), config.vocabulary),
  choices: draw(2 + (i % 2), config.vocabulary),
}));
const classifier: Head = { kind: 'classification', classes: 3, pooling: 'mean' };
/** A classifier that has learnt something: at its start, all its answers are one third. */
const classifierParameters: Tensors = {
  ...withHead(config, classifier, parameters),
  'classifier.weight': { shape: [3, 32], data: Float32Array.from({ length: 96 }, () => random.normal()) },
};

afterAll(closeSessions);

describe('a row gets the same probabilities, to the last bit,', () => {
  const models = {
    choices: { config, parameters },
    classes: { config, head: classifier, parameters: classifierParameters },
  };

  it.each(Object.entries(models))(
    'of %s alone, among others, in another order, and on two threads',
    async (_name, model) => {
      const predictor = await Predictor.create(model, { device });
      const together = await predictor.choiceProbabilities(rows);
      const reversed = await predictor.choiceProbabilities([...rows].reverse());
      const alone: number[][] = [];
      for (const row of rows) alone.push(...(await predictor.choiceProbabilities([row])));
      await predictor.release();
      const threaded = await Predictor.create(model, { device: parseDevice('cpu:2') });
      const onTwo = await threaded.choiceProbabilities(rows);
      await threaded.release();
      expect(alone).toEqual(together);
      expect(reversed.reverse()).toEqual(together);
      expect(onTwo).toEqual(together);
      expect(new Set(together.map(String)).size).toBeGreaterThan(80);
      for (const probabilities of together) expect(probabilities.reduce((a, b) => a + b)).toBeCloseTo(1, 12);
    },
  );
});

describe('a predictor', () => {
  it('sees what the training sees: its loss is that of the first step', async () => {
    const documents = Array.from({ length: 8 }, (_, i) => ({
      tokens: draw(5 + i, config.vocabulary),
      weights: Array.from({ length: 5 + i }, (_w, k) => (k % 3 === 0 ? 0 : k / 4)),
    }));
    const size = { length: 12, positions: 9 };
    const program = languageModelProgram(config, { ...size, training });
    const trainer = await Trainer.create(program, initialState(program, parameters), device);
    const { loss } = await trainer.run([languageModelBatch(documents, size)]);
    await trainer.release();
    const predictor = await Predictor.create({ config, parameters }, { device });
    expect(await predictor.languageModelLoss(documents)).toBeCloseTo(loss[0] as number, 5);
    await predictor.release();
  });

  it('follows a training by its parameters, without another session', async () => {
    const size = { length: 4, choices: 2 };
    const items = Array.from({ length: 8 }, (_, i) => ({
      tokens: [1, i + 2, 3].slice(0, 1 + (i % 3)),
      choices: [30 + i, 40],
      target: [1, 0],
    }));
    const program = choiceProgram(config, { kind: 'choices' }, { ...size, loss: crossEntropyLoss, training });
    const trainer = await Trainer.create(program, initialState(program, parameters), device);
    const predictor = await Predictor.create({ config, parameters }, { device });
    const sessions = openSessionCount();
    const mean = async () => {
      const probabilities = await predictor.choiceProbabilities(items, await trainer.parameters());
      return probabilities.reduce((sum, [first = 0]) => sum + first, 0) / items.length;
    };
    const before = await mean();
    const { metrics, loss } = await trainer.run(Array.from({ length: 10 }, () => choiceBatch(items, size)));
    expect(Math.exp(-(loss[0] as number))).toBeCloseTo(before, 2);
    expect(await mean()).toBeGreaterThan(0.9);
    expect(metrics['agreement']?.at(-1)).toBe(1);
    expect(openSessionCount()).toBe(sessions);
    await trainer.release();
    await predictor.release();
  });

  it('starts a new classifier with every class equally likely', async () => {
    const head: Head = { kind: 'classification', classes: 4, pooling: 'last' };
    const model = { config, head, parameters: withHead(config, head, parameters) };
    const predictor = await Predictor.create(model, { device });
    expect(await predictor.choiceProbabilities([{ tokens: [1, 2, 3] }])).toEqual([[0.25, 0.25, 0.25, 0.25]]);
    await predictor.release();
  });

  it.each([[[]], [draw(21, 50)]])('refuses a row that does not fit the context', async (tokens) => {
    const predictor = await Predictor.create({ config, parameters }, { device });
    await expect(predictor.choiceProbabilities([{ tokens, choices: [1, 2] }])).rejects.toThrow(
      `row 0 has ${tokens.length} tokens: 1 to 20 fit`,
    );
    await predictor.release();
  });
});
