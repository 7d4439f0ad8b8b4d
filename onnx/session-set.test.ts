/** @file Of a training's sessions those used last stay open, as many as there is memory for. */
import { afterAll, expect, it } from 'vitest';
import { parseDevice } from './device.js';
import { mul, reduceSum } from './operators/index.js';
import { buildTrainingProgram, type TrainingProgram } from './program.js';
import { closeSessions, openSessionCount } from './session.js';
import { SessionSet } from './session-set.js';

/** A program that says of itself that it needs so many bytes. */
function program(rows: number, workingBytes: number): TrainingProgram {
  const made = buildTrainingProgram({
    parameters: [{ name: 'w', shape: [1] }],
    inputs: [{ name: 'x', dtype: 'float32', shape: [rows] }],
    loss: (_graph, parameters, inputs) => ({ total: reduceSum(mul(parameters('w'), inputs('x'))) }),
    optimizer: { kind: 'sgd', learningRate: 1, weightDecay: 0 },
    schedule: { kind: 'constant', warmup: 0 },
    steps: 1,
  });
  return { ...made, workingBytes };
}

afterAll(closeSessions);

it('ten sizes of a large model do not pile up', async () => {
  await closeSessions();
  const sessions = new SessionSet(parseDevice('cpu'));
  const programs = Array.from({ length: 10 }, (_, i) => program(i + 1, 2 ** 30));
  for (const one of programs) await sessions.open(one);
  // Three of a gigabyte and a little fit into four; idle ones of that size are closed at once.
  expect(openSessionCount()).toBe(3);
  const last = programs.at(-1)!;
  const { session } = await sessions.open(last);
  expect((await sessions.open(last)).session).toBe(session);
  await sessions.release();
  expect(openSessionCount()).toBe(0);
});

it('small ones all stay', async () => {
  const sessions = new SessionSet(parseDevice('cpu'));
  for (let rows = 1; rows <= 5; rows++) await sessions.open(program(rows, 1000));
  expect(openSessionCount()).toBe(5);
  await sessions.release();
});
