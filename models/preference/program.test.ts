/** @file Training on pairs: the loss is that of the judge's numbers, and what is taught is learnt. */
import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../../base/random.js';
import { parseDevice } from '../../onnx/device.js';
import { mul, sub } from '../../onnx/operators/index.js';
import type { TrainingProgram } from '../../onnx/program.js';
import { closeSessions } from '../../onnx/session.js';
import { initialState, type Tensors, Trainer } from '../../onnx/trainer.js';
import { initialiseGpt, type GptConfig } from '../gpt.js';
import { withHead } from '../heads.js';
import type { Training } from '../training.js';
import { Judge, preferences } from './judge.js';
import { rewardHead } from './network.js';
import { bradleyTerry, difference } from './objectives.js';
import type { Candidate } from './pair.js';
import { policyBatch, policyProgram, scoreBatch, scoreProgram, type PairRow } from './program.js';
import type { Reading } from './reading.js';
import { pairSize } from './rows.js';

const config: GptConfig = {
  architecture: 'gpt',
  layers: 1,
  width: 16,
  heads: 2,
  context: 12,
  vocabulary: 30,
};
const training: Training = {
  steps: 60,
  batch: 8,
  learningRate: 0.01,
  warmup: 0,
  schedule: 'constant',
  weightDecay: 0,
  betas: [0.9, 0.999],
  eps: 1e-8,
};
const device = parseDevice('cpu:1');
const language = initialiseGpt(config, 1);
const beta = 0.5;

/** The better response has a token of 10 to 14 somewhere, the worse one of 15 to 19; odd pairs weigh nothing and lie. */
const random = Random.of(2, 'pairs');
const rows: PairRow[] = Array.from({ length: 8 }, (_, index) => {
  const candidate = (mark: number): Candidate => {
    const response = Array.from({ length: 2 + random.integer(5) }, () => 20 + random.integer(10));
    response[random.integer(response.length)] = mark + random.integer(5);
    return { tokens: [1, 3 + (index % 4), ...response], start: 2 };
  };
  const lies = index % 2 === 1;
  const [better, worse] = [candidate(10), candidate(15)];
  const pair = index % 3 === 0 ? ([better, worse] as const) : ([worse, better] as const);
  const first = (index % 3 === 0) !== lies ? 0.9375 : 0.0625;
  return { pair, target: [first, 1 - first], weight: lies ? 0 : 2 };
});
const pairs = rows.map(({ pair }) => pair);
const sizes = pairSize(pairs.flat(), config.context);

afterAll(closeSessions);

/** Loss of the first step, and the parameters after all. */
async function trained(program: TrainingProgram, parameters: Tensors, batch: ReturnType<typeof scoreBatch>) {
  const trainer = await Trainer.create(program, initialState(program, parameters), device);
  try {
    const { loss } = await trainer.run(Array.from({ length: training.steps }, () => batch));
    return { first: loss[0]!, last: loss.at(-1)!, parameters: (await trainer.state()).parameters };
  } finally {
    await trainer.release();
  }
}

/** Mean over pairs of weight · cross entropy, of probabilities. */
const expected = (found: readonly (readonly [number, number])[]): number =>
  rows.reduce((sum, { target, weight = 1 }, index) => {
    const [first, second] = found[index]!;
    return sum - weight * (target[0] * Math.log(first) + target[1] * Math.log(second));
  }, 0) / rows.length;

/** Whether each pair that counts is answered as it was taught. */
const learnt = (found: readonly (readonly [number, number])[]): boolean[] =>
  rows.flatMap(({ target, weight }, index) =>
    weight === 0 ? [] : [found[index]![0] > 0.5 === target[0] > 0.5],
  );

describe('a reward model', () => {
  it('is taught the pairs that weigh something, with the loss of its own scores', async () => {
    const parameters = withHead(config, rewardHead, language);
    const head = parameters['classifier.weight']!;
    const begun = {
      ...parameters,
      'classifier.weight': { ...head, data: head.data.map((_, i) => Math.sin(i)) },
    };
    const program = scoreProgram(config, sizes.scores, training, ({ scores, targets }) =>
      bradleyTerry(difference(scores), targets),
    );
    const { first, last, parameters: after } = await trained(program, begun, scoreBatch(rows, sizes.scores));
    const judge = new Judge({ config, head: rewardHead, parameters: begun }, { device });
    try {
      const before = await preferences(judge, { by: 'score' }, pairs);
      expect(first).toBeCloseTo(expected(before), 5);
      expect(learnt(before)).toContain(false);
      const found = await preferences(judge, { by: 'score' }, pairs, { parameters: after });
      expect(learnt(found)).not.toContain(false);
      expect(last).toBeLessThan(0.4 * first);
    } finally {
      await judge.release();
    }
  });
});

describe('a policy', () => {
  it('is taught beside a reference that is fed, with the loss of its own log-probabilities', async () => {
    const judge = new Judge({ config, parameters: initialiseGpt(config, 8) }, { device });
    const other = new Judge({ config, parameters: language }, { device });
    try {
      const reference = await other.likelihoods(pairs.flat());
      const at = (index: number): number => reference[index]!.logProbability;
      const beside = rows.map((row, i): PairRow => ({ ...row, reference: [at(2 * i), at(2 * i + 1)] }));
      const program = policyProgram(config, sizes.policy, training, {
        reference: true,
        loss: ({ logProbabilities, reference: known, targets }) =>
          bradleyTerry(difference(mul(sub(logProbabilities, known!), beta)), targets),
      });
      const begun = initialiseGpt(config, 8);
      const { first, parameters: after } = await trained(
        program,
        begun,
        policyBatch(beside, sizes.policy, true),
      );
      const reading: Reading = { by: 'implicit-reward', scale: beta };
      const before = await preferences(judge, reading, pairs, { reference });
      expect(first).toBeCloseTo(expected(before), 5);
      expect(learnt(before)).toContain(false);
      const found = await preferences(judge, reading, pairs, { reference, parameters: after });
      expect(learnt(found)).not.toContain(false);
    } finally {
      await judge.release();
      await other.release();
    }
  });

  it('without the reference that its loss reads is refused', () => {
    expect(() => policyBatch(rows, sizes.policy, true)).toThrow('row 0 has no reference');
  });
});
