/** @file The forms of a training program take the same steps; what goes wrong in one is told, and changes nothing. */
import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../base/random.js';
import { parseDevice } from './device.js';
import { div, gemm, log, mul, reduceSum, relu, sub, unsqueeze } from './operators/index.js';
import type { Optimizer } from './optimizer.js';
import { buildTrainingProgram, type ProgramForm, type TrainingProgram } from './program.js';
import { closeSessions } from './session.js';
import { type Batch, initialState, type Tensors, Trainer } from './trainer.js';
import { encodeTrainingState } from './training-state.js';
import { NonFiniteError, OutOfMemoryError } from './training-errors.js';

const [features, hidden, steps] = [7, 9, 5];
const adamw: Optimizer = {
  kind: 'adamw',
  learningRate: 0.01,
  betas: [0.9, 0.99],
  eps: 1e-8,
  weightDecay: 0.1,
};
const sgd: Optimizer = { kind: 'sgd', learningRate: 0.01, weightDecay: 0.1, momentum: 0.9, nesterov: true };

/** Squared error of rows that count, by two layers. */
function program(
  form: ProgramForm,
  rows: number,
  optimizer: Optimizer = adamw,
  clipNorm = 0.5,
): TrainingProgram {
  return buildTrainingProgram(
    {
      parameters: [
        { name: 'w1', shape: [hidden, features] },
        { name: 'b1', shape: [hidden], decay: true },
        { name: 'w2', shape: [1, hidden] },
      ],
      inputs: [
        { name: 'x', dtype: 'float32', shape: [rows, features] },
        { name: 'y', dtype: 'float32', shape: [rows, 1] },
        { name: 'weights', dtype: 'float32', shape: [rows] },
      ],
      loss: (_graph, parameters, inputs) => {
        const h = relu(gemm(inputs('x'), parameters('w1'), parameters('b1'), { transB: true }));
        const error = sub(gemm(h, parameters('w2'), undefined, { transB: true }), inputs('y'));
        const counts = unsqueeze(inputs('weights'), 1);
        const count = reduceSum(counts);
        const total = reduceSum(mul(mul(error, error), counts));
        return { total, count, metrics: { absolute: div(reduceSum(mul(relu(error), counts)), count) } };
      },
      optimizer,
      schedule: { kind: 'cosine', warmup: 2 },
      clipNorm,
      steps,
      sizes: `${rows} rows`,
    },
    form,
  );
}

const normals = (count: number, ...purpose: (string | number)[]) => {
  const random = Random.of(4, ...purpose);
  return Float32Array.from({ length: count }, () => random.normal());
};
const initial: Tensors = {
  w1: { shape: [hidden, features], data: normals(hidden * features, 'w1') },
  b1: { shape: [hidden], data: normals(hidden, 'b1') },
  w2: { shape: [1, hidden], data: normals(hidden, 'w2') },
};
/** Rows from `from` to `to` of a step's six, of which the second counts nothing. */
const batchAt = (step: number, from = 0, to = 6): Batch => ({
  x: normals(6 * features, 'x', step).slice(from * features, to * features),
  y: normals(6, 'y', step).slice(from, to),
  weights: Float32Array.of(1, 0, 1, 1, 1, 1).slice(from, to),
});

async function withTrainer<T>(asked: TrainingProgram, use: (trainer: Trainer) => Promise<T>): Promise<T> {
  const trainer = await Trainer.create(asked, initialState(asked, initial), parseDevice('cpu'));
  try {
    return await use(trainer);
  } finally {
    await trainer.release();
  }
}

const whole = (form: 'scan' | 'step', optimizer: Optimizer) =>
  withTrainer(program(form, 6, optimizer), async (trainer) => {
    const report = await trainer.run(Array.from({ length: steps }, (_, step) => batchAt(step)));
    return { report, state: await trainer.state() };
  });

const inParts = (optimizer: Optimizer, cuts: readonly number[]) => {
  const apply = program('apply', 6, optimizer);
  return withTrainer(apply, async (trainer) => {
    const reports = [];
    for (let step = 0; step < steps; step++) {
      const parts = cuts.slice(1).map((to, i) => {
        const from = cuts[i] as number;
        return { program: program('accumulate', to - from, optimizer), batch: batchAt(step, from, to) };
      });
      reports.push(await trainer.accumulate(parts, apply));
    }
    return { reports, state: await trainer.state() };
  });
};

afterAll(closeSessions);

describe.each([
  ['AdamW', adamw],
  ['SGD', sgd],
])('with %s', (_name, optimizer) => {
  it('K steps in a Scan are K steps one by one, to the last bit', async () => {
    const [scan, step] = [await whole('scan', optimizer), await whole('step', optimizer)];
    expect(step.report).toEqual(scan.report);
    expect(Buffer.compare(encodeTrainingState(step.state), encodeTrainingState(scan.state))).toBe(0);
  });

  it.each([
    ['one part', [0, 6]],
    ['two', [0, 2, 6]],
    ['six', [0, 1, 2, 3, 4, 5, 6]],
  ])('gradients added up over %s make the same steps', async (_parts, cuts) => {
    const [one, parts] = [await whole('scan', optimizer), await inParts(optimizer, cuts)];
    parts.reports.forEach(({ loss, gradientNorm, learningRate, metrics }, step) => {
      expect(loss / (one.report.loss[step] as number)).toBeCloseTo(1, 5);
      expect(gradientNorm / (one.report.gradientNorm[step] as number)).toBeCloseTo(1, 5);
      expect(learningRate).toBe(one.report.learningRate[step]);
      // A part in which nothing counts has no mean.
      if (cuts.length < 7)
        expect(metrics['absolute']).toBeCloseTo(one.report.metrics['absolute']?.[step] as number, 5);
    });
    for (const [name, { data }] of Object.entries(parts.state.parameters)) {
      data.forEach((value, i) => expect(value).toBeCloseTo(one.state.parameters[name]?.data[i] as number, 5));
    }
    expect(parts.state.step).toBe(steps);
  });
});

describe('a loss that is no number', () => {
  const poisoned = (step: number): Batch =>
    step < 3 ? batchAt(step) : { ...batchAt(step), y: new Float32Array(6).fill(NaN) };

  it.each(['scan', 'step'] as const)(
    'stops a %s at its step, and the state is that before it',
    async (form) => {
      const good = await withTrainer(program(form, 6), async (trainer) => {
        await trainer.run([0, 1, 2].map((step) => batchAt(step)));
        return encodeTrainingState(await trainer.state());
      });
      await withTrainer(program(form, 6), async (trainer) => {
        const failed = trainer.run([0, 1, 2, 3, 4].map((step) => poisoned(step)));
        await expect(failed).rejects.toThrow('the loss is NaN at step 4. Lower the learning rate');
        const error = await failed.catch((thrown: unknown) => thrown);
        expect(error).toBeInstanceOf(NonFiniteError);
        expect((error as NonFiniteError).step).toBe(4);
        expect((error as NonFiniteError).before).toHaveLength(3);
        expect(Buffer.compare(encodeTrainingState(await trainer.state()), good)).toBe(0);
      });
    },
  );

  it('stops an accumulated step before anything is changed', async () => {
    const apply = program('apply', 6);
    await withTrainer(apply, async (trainer) => {
      const before = encodeTrainingState(await trainer.state());
      const parts = [0, 3].map((step) => ({ program: program('accumulate', 6), batch: poisoned(step) }));
      await expect(trainer.accumulate(parts, apply)).rejects.toThrow('the loss is NaN at step 1.');
      expect(Buffer.compare(encodeTrainingState(await trainer.state()), before)).toBe(0);
      // The gradients of the part that went well are forgotten.
      const { gradientNorm } = await trainer.accumulate(
        [{ program: program('accumulate', 6), batch: batchAt(0) }],
        apply,
      );
      const alone = await inParts(adamw, [0, 6]);
      expect(gradientNorm).toBe(alone.reports[0]?.gradientNorm);
    });
  });

  it('is not needed: gradients without bounds stop a step, too', async () => {
    const steep = buildTrainingProgram({
      parameters: [{ name: 'w', shape: [1] }],
      inputs: [{ name: 'x', dtype: 'float32', shape: [1] }],
      // At 0⁺ finite, its slope is not.
      loss: (_graph, parameters, inputs) => ({ total: reduceSum(mul(log(parameters('w')), inputs('x'))) }),
      optimizer: { kind: 'sgd', learningRate: 1, weightDecay: 0 },
      schedule: { kind: 'constant', warmup: 0 },
      steps,
    });
    const w = { shape: [1], data: Float32Array.of(1e-38) };
    const trainer = await Trainer.create(steep, initialState(steep, { w }), parseDevice('cpu'));
    await expect(trainer.run([{ x: Float32Array.of(1) }])).rejects.toThrow(
      'the norm of the gradients is Infinity at step 1',
    );
    await trainer.release();
  });
});

describe('a step that', () => {
  it('needs more memory than there is names its sizes and what to do', async () => {
    const rows = 2 ** 22;
    const huge = buildTrainingProgram({
      parameters: [{ name: 'w', shape: [1, 1] }],
      inputs: [{ name: 'x', dtype: 'float32', shape: [rows, 1] }],
      loss: (_graph, parameters, inputs) => {
        const x = mul(inputs('x'), parameters('w'));
        return { total: reduceSum(gemm(x, x, undefined, { transB: true })) }; // 64 TB
      },
      optimizer: { kind: 'sgd', learningRate: 1, weightDecay: 0 },
      schedule: { kind: 'constant', warmup: 0 },
      steps,
      sizes: '8192 rows of 512 tokens',
    });
    const w = { shape: [1, 1], data: Float32Array.of(1) };
    const trainer = await Trainer.create(huge, initialState(huge, { w }), parseDevice('cpu'));
    const failed = trainer.run([{ x: new Float32Array(rows) }]);
    await expect(failed).rejects.toThrow(OutOfMemoryError);
    await expect(failed).rejects.toThrow(
      /not enough memory for a training step on 8192 rows of 512 tokens .*accumulate gradients/s,
    );
    expect((await trainer.state()).parameters['w']?.data).toEqual(w.data);
    await trainer.release();
  });

  it('counts nothing is refused', async () => {
    const apply = program('apply', 6);
    await withTrainer(apply, async (trainer) => {
      const batch = { ...batchAt(0), weights: new Float32Array(6) };
      const refused = trainer.accumulate([{ program: program('accumulate', 6), batch }], apply);
      await expect(refused).rejects.toThrow('nothing counts in the batch of step 1');
    });
  });
});
