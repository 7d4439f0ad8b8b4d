/** @file A training cut anywhere goes on as if it had not been cut, whatever the number of threads. */
import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../base/random.js';
import { parseDevice } from './device.js';
import { add, gemm, mul, reduceMean, relu, sub } from './operators/index.js';
import { buildTrainingProgram, type TrainingProgram } from './program.js';
import { closeSessions, openSessionCount } from './session.js';
import { type Batch, initialState, type Tensors, Trainer, type TrainingState } from './trainer.js';
import { decodeTrainingState, encodeTrainingState } from './training-state.js';

const [rows, features, hidden, steps] = [64, 24, 48, 30];

/** Regression by two layers, of sizes at which ONNX Runtime does use its threads. */
function program(frozenFirst = false): TrainingProgram {
  return buildTrainingProgram({
    parameters: [
      { name: 'w1', shape: [hidden, features], trainable: !frozenFirst },
      { name: 'b1', shape: [hidden], trainable: !frozenFirst },
      { name: 'w2', shape: [1, hidden] },
    ],
    inputs: [
      { name: 'x', dtype: 'float32', shape: [rows, features] },
      { name: 'y', dtype: 'float32', shape: [rows, 1] },
    ],
    loss: (_graph, parameters, inputs) => {
      const h = relu(gemm(inputs('x'), parameters('w1'), parameters('b1'), { transB: true }));
      const error = sub(gemm(h, parameters('w2'), undefined, { transB: true }), inputs('y'));
      const loss = reduceMean(mul(error, error));
      return { total: loss, metrics: { doubled: add(loss, loss) } };
    },
    optimizer: { kind: 'adamw', learningRate: 0.01, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0.01 },
    schedule: { kind: 'cosine', warmup: 5 },
    clipNorm: 1,
    steps,
  });
}

function normals(count: number, ...purpose: (string | number)[]): Float32Array {
  const random = Random.of(3, ...purpose);
  return Float32Array.from({ length: count }, () => 0.3 * random.normal());
}

const parameters: Tensors = {
  w1: { shape: [hidden, features], data: normals(hidden * features, 'w1') },
  b1: { shape: [hidden], data: normals(hidden, 'b1') },
  w2: { shape: [1, hidden], data: normals(hidden, 'w2') },
};

const batchAt = (step: number): Batch => ({
  x: normals(rows * features, 'x', step),
  y: normals(rows, 'y', step),
});
const batches = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => batchAt(from + i));

/** Runs steps up to `to` from a state, `stride` in one call, and returns the new state as bytes. */
async function advance(
  from: TrainingState,
  to: number,
  { device = 'cpu', stride = steps } = {},
): Promise<{ bytes: Uint8Array; losses: number[] }> {
  const trainer = await Trainer.create(program(), from, parseDevice(device));
  const losses: number[] = [];
  while (trainer.step < to) {
    const { loss } = await trainer.run(batches(trainer.step, Math.min(to, trainer.step + stride)));
    losses.push(...loss);
  }
  const bytes = encodeTrainingState(await trainer.state());
  await trainer.release();
  return { bytes, losses };
}

const fresh = () => initialState(program(), parameters);

afterAll(closeSessions);

describe('training', () => {
  it('gives the same bytes in one run, in runs of one step, and with other numbers of threads', async () => {
    const uncut = await advance(fresh(), steps);
    for (const [device, stride] of [
      ['cpu', 1],
      ['cpu:2', 7],
      ['cpu:3', steps],
    ] as const) {
      const other = await advance(fresh(), steps, { device, stride });
      expect(Buffer.compare(other.bytes, uncut.bytes), `${device}, ${stride} steps at a time`).toBe(0);
      expect(other.losses).toEqual(uncut.losses);
    }
    expect(uncut.losses.at(-1)).toBeLessThan((uncut.losses[0] as number) / 2);
  });

  it.each([1, 4, 17, 29])(
    'cut after step %i and resumed from the saved state gives the bytes of one uncut',
    async (cut) => {
      const uncut = await advance(fresh(), steps, { device: 'cpu:2' });
      const before = await advance(fresh(), cut, { device: 'cpu:2' });
      const after = await advance(decodeTrainingState(before.bytes, 'the checkpoint'), steps, {
        device: 'cpu',
      });
      expect(Buffer.compare(after.bytes, uncut.bytes)).toBe(0);
      expect([...before.losses, ...after.losses]).toEqual(uncut.losses);
    },
  );

  it('leaves frozen parameters as they are and keeps no moments for them', async () => {
    const frozen = program(true);
    const trainer = await Trainer.create(frozen, initialState(frozen, parameters), parseDevice('cpu'));
    const { loss } = await trainer.run(batches(0, 10));
    const state = await trainer.state();
    await trainer.release();
    expect(state.parameters['w1']?.data).toEqual(parameters['w1']?.data);
    expect(state.parameters['w2']?.data).not.toEqual(parameters['w2']?.data);
    expect(Object.keys(state.slots['first'] ?? {})).toEqual(['w2']);
    expect(loss[9]).toBeLessThan(loss[0] as number);
  });

  it('reports metrics beside the loss, step by step', async () => {
    const trainer = await Trainer.create(program(), fresh(), parseDevice('cpu'));
    const { loss, metrics } = await trainer.run(batches(0, 3));
    await trainer.release();
    expect([...(metrics['doubled'] as Float32Array)]).toEqual(
      [...loss].map((value) => Math.fround(2 * value)),
    );
  });

  it('shares one session among all trainers of a program', async () => {
    await closeSessions();
    for (let i = 0; i < 5; i++)
      await (await Trainer.create(program(), fresh(), parseDevice('cpu'))).release();
    expect(openSessionCount()).toBe(1);
  });

  it('does not touch the state that it was given', async () => {
    const given = fresh();
    const before = Buffer.from(encodeTrainingState(given));
    const trainer = await Trainer.create(program(), given, parseDevice('cpu'));
    await trainer.run(batches(0, 2));
    await trainer.release();
    expect(Buffer.compare(before, encodeTrainingState(given))).toBe(0);
  });
});

describe('memory', () => {
  const w1 = (state: TrainingState) => state.parameters['w1']?.data;

  it("of the current state is the trainer's own, whose bytes are those of a copy", async () => {
    const trainer = await Trainer.create(program(), fresh(), parseDevice('cpu'));
    await trainer.run(batches(0, 2));
    const [current, again, copy] = [
      await trainer.currentState(),
      await trainer.currentState(),
      await trainer.state(),
    ];
    await trainer.release();
    expect(w1(current)).toBe(w1(again));
    expect(w1(copy)).not.toBe(w1(current));
    expect(Buffer.compare(encodeTrainingState(current), encodeTrainingState(copy))).toBe(0);
  });

  it('of a state that is given away is used as it is, and the steps are the same', async () => {
    const given = decodeTrainingState(encodeTrainingState(fresh()), 'fresh');
    const trainer = await Trainer.create(program(), given, parseDevice('cpu'), { ownsState: true });
    expect(w1(await trainer.currentState())).toBe(w1(given));
    await trainer.run(batches(0, 3));
    const bytes = encodeTrainingState(await trainer.state());
    await trainer.release();
    expect(Buffer.compare(bytes, (await advance(fresh(), 3)).bytes)).toBe(0);
  });
});

describe('a trainer refuses', () => {
  const open = () => Trainer.create(program(), fresh(), parseDevice('cpu'));

  it('steps beyond the end of the training', async () => {
    const trainer = await open();
    await trainer.run(batches(0, steps - 1));
    await expect(trainer.run(batches(0, 2))).rejects.toThrow('2 steps after step 29 are more than the 30');
    await trainer.release();
  });

  it('a batch that lacks an input or has it in another size', async () => {
    const trainer = await open();
    const { x } = batchAt(0);
    await expect(trainer.run([{ x } as Batch])).rejects.toThrow(
      'batch 0: input "y" takes 64 elements of float32, and was given nothing',
    );
    await expect(trainer.run([{ x, y: new Float32Array(3) } as Batch])).rejects.toThrow('given 3 of float32');
    await trainer.release();
  });

  it('a state that does not fit the program', async () => {
    const { w1: _w1, ...others } = parameters;
    const state = initialState(program(), others);
    await expect(Trainer.create(program(), state, parseDevice('cpu'))).rejects.toThrow(
      'the training state lacks parameter w1',
    );
    const wrong = initialState(program(), { ...parameters, b1: { shape: [2], data: new Float32Array(2) } });
    await expect(Trainer.create(program(), wrong, parseDevice('cpu'))).rejects.toThrow(
      'has parameter b1 as [2], the program as [48]',
    );
  });
});
