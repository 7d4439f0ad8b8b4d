/** @file Any network trained: by sizes, in parts, with adapters and heads, cut and resumed. */
import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../base/random.js';
import { parseDevice } from '../onnx/device.js';
import { closeSessions } from '../onnx/session.js';
import type { Tensors } from '../onnx/trainer.js';
import { NonFiniteError } from '../onnx/training-errors.js';
import { decodeTrainingState, encodeTrainingState } from '../onnx/training-state.js';
import { type GptConfig, initialiseGpt } from './gpt.js';
import { gptNetwork } from './gpt-network.js';
import { classLoss } from './losses/classification.js';
import { languageModelLoss } from './losses/language-model.js';
import type { TuningRow } from './losses/loss.js';
import { rowHeadOf } from './network-heads.js';
import { Tuner, type TunerOptions, type Step } from './tuner.js';

const config: GptConfig = {
  architecture: 'gpt',
  layers: 2,
  width: 16,
  heads: 2,
  context: 16,
  vocabulary: 23,
};
const network = gptNetwork(config);
const pretrained = initialiseGpt(config, 5);
const read: TunerOptions['read'] = ({ name }) => Promise.resolve(pretrained[name] as Tensors[string]);

const steps = 6;
const common = {
  network,
  read,
  optimizer: { kind: 'adamw', learningRate: 0.01, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0.01 },
  schedule: { kind: 'linear', warmup: 2, warmupFrom: 'zero' },
  steps,
  clipNorm: 1,
  seed: 3,
  device: parseDevice('cpu'),
} as const;
const language: TunerOptions = { ...common, loss: languageModelLoss };
const lora = { rank: 4, alpha: 8, targets: ['attention.in', 'mlp.out'] };

/** Token ids with labels on a part of them. */
function row(length: number, ...purpose: (string | number)[]): TuningRow {
  const random = Random.of(1, ...purpose);
  const ids = Array.from({ length }, () => random.integer(config.vocabulary));
  return { ids, labels: ids.map((id, i) => (i > length / 2 ? id : -100)), target: random.integer(3) };
}

const rowsOf = (step: number, count = 4) =>
  Array.from({ length: count }, (_, r) => row(5 + ((step + r) % 7), step, r));
const whole = (step: number): Step => [{ rows: rowsOf(step), batch: 4, length: 12 }];

async function train(options: TunerOptions, taken: readonly Step[], atOnce = taken.length) {
  const tuner = await Tuner.open(options);
  try {
    const reports = [];
    for (let at = 0; at < taken.length; at += atOnce) {
      reports.push(...(await tuner.run(taken.slice(at, at + atOnce))));
    }
    return { reports, state: await tuner.state(), names: tuner.trained.map(({ name }) => name) };
  } finally {
    await tuner.release();
  }
}

const allSteps = (make: (step: number) => Step) => Array.from({ length: steps }, (_, step) => make(step));

function farthest(a: Tensors, b: Tensors): number {
  let most = 0;
  for (const [name, { data }] of Object.entries(a)) {
    data.forEach((value, i) => (most = Math.max(most, Math.abs(value - (b[name]?.data[i] as number)))));
  }
  return most;
}

afterAll(closeSessions);

describe('a language model', () => {
  it('learns, and gives the same bytes however its steps are grouped', async () => {
    const often: Step = [{ rows: [row(9, 'often')], batch: 1, length: 9 }];
    const { reports } = await train(
      language,
      allSteps(() => often),
    );
    expect(reports.at(-1)?.loss).toBeLessThan((reports[0]?.loss as number) - 0.2);
    expect(reports.map(({ learningRate }) => learningRate)[0]).toBe(0);

    const [together, apart] = [
      await train(language, allSteps(whole)),
      await train(language, allSteps(whole), 1),
    ];
    expect(apart.reports).toEqual(together.reports);
    expect(Buffer.compare(encodeTrainingState(apart.state), encodeTrainingState(together.state))).toBe(0);
  });

  it.each([
    ['two parts of unequal rows', [1, 3]],
    ['a part for each row', [1, 1, 1, 1]],
  ])('cut into %s, of their own lengths, gives the same numbers', async (_name, sizes) => {
    const inParts = (step: number): Step => {
      const rows = [...rowsOf(step)];
      return sizes.map((size) => {
        const own = rows.splice(0, size);
        return { rows: own, batch: size, length: Math.max(...own.map(({ ids }) => ids.length)) };
      });
    };
    const [one, parts] = [await train(language, allSteps(whole)), await train(language, allSteps(inParts))];
    parts.reports.forEach(({ loss, gradientNorm, learningRate }, step) => {
      const expected = one.reports[step];
      expect(Math.abs(loss / (expected?.loss as number) - 1)).toBeLessThan(1e-5);
      expect(Math.abs(gradientNorm / (expected?.gradientNorm as number) - 1)).toBeLessThan(1e-4);
      expect(learningRate).toBe(expected?.learningRate);
    });
    expect(farthest(one.state.parameters, parts.state.parameters)).toBeLessThan(1e-4);
  });

  it('padded on the left, with positions and a mask, gives the numbers of padding on the right', async () => {
    const padded = (step: number): Step => [
      {
        rows: rowsOf(step).map(({ ids, labels }) => {
          const missing = 12 - ids.length;
          const fill = (value: number) => new Array<number>(missing).fill(value);
          return {
            ids: [...fill(0), ...Array.from(ids)],
            mask: [...fill(0), ...Array.from(ids, () => 1)],
            positions: [...fill(0), ...Array.from(ids, (_, i) => i)],
            labels: [...fill(-100), ...Array.from(labels ?? [])],
          };
        }),
        batch: 4,
        length: 12,
      },
    ];
    const [right, left] = [await train(language, allSteps(whole)), await train(language, allSteps(padded))];
    left.reports.forEach(({ loss }, step) =>
      expect(loss).toBeCloseTo(right.reports[step]?.loss as number, 4),
    );
  });

  it('does not care how many rows only fill up the batch, nor how long the padding is', async () => {
    const roomy = (step: number): Step => [{ rows: rowsOf(step), batch: 6, length: 16 }];
    const [tight, filled] = [await train(language, allSteps(whole)), await train(language, allSteps(roomy))];
    filled.reports.forEach(({ loss }, step) =>
      expect(loss).toBeCloseTo(tight.reports[step]?.loss as number, 4),
    );
  });
});

describe('adapters', () => {
  it('are trained alone, and change nothing before they have learnt', async () => {
    const { names, reports, state } = await train({ ...language, lora }, allSteps(whole));
    expect(names).toHaveLength(8);
    expect(names[0]).toBe('base_model.model.block0.attention.in.lora_A.weight');
    expect(Object.keys(state.parameters).sort()).toEqual([...names].sort());
    const full = await train(language, allSteps(whole));
    expect(reports[0]?.loss).toBeCloseTo(full.reports[0]?.loss as number, 5);
    expect(reports.at(-1)?.loss).toBeLessThan(reports[1]?.loss as number);
  });

  it.each([0, 0.3])(
    'with dropout %d, cut after a step and resumed, give the bytes of one uncut',
    async (dropout) => {
      const options = { ...language, lora: { ...lora, dropout } };
      const uncut = await train(options, allSteps(whole));
      const before = await train(options, allSteps(whole).slice(0, 4));
      const state = decodeTrainingState(encodeTrainingState(before.state), 'checkpoint');
      const after = await train(
        { ...options, state, device: parseDevice('cpu:2') },
        allSteps(whole).slice(4),
      );
      expect(Buffer.compare(encodeTrainingState(after.state), encodeTrainingState(uncut.state))).toBe(0);
      expect([...before.reports, ...after.reports]).toEqual(uncut.reports);
    },
  );
});

describe('a new head', () => {
  it.each(['last', 'first', 'mean'] as const)(
    'that reads the %s of the tokens learns classes',
    async (pooling) => {
      const head = rowHeadOf(network, 3, pooling);
      const options = { ...common, head, loss: classLoss(3), train: 'full' } as const;
      const one = (_step: number): Step => [{ rows: rowsOf(0), batch: 4, length: 12 }];
      const { reports, names } = await train(options, allSteps(one));
      // Zeros: every class is as likely.
      expect(reports[0]?.loss).toBeCloseTo(Math.log(3), 5);
      expect(reports.at(-1)?.loss).toBeLessThan(0.95 * Math.log(3));
      expect(names).toContain('score.weight');
      // The loss does not depend on the language model's head.
      expect(names).not.toContain('head.weight');
    },
  );
});

describe('what is trained', () => {
  const namesOf = async (options: Partial<TunerOptions>) => {
    const tuner = await Tuner.open({ ...language, ...options });
    const names = tuner.trained.map(({ name }) => name);
    await tuner.release();
    return names;
  };

  it('is chosen: everything, the head, or what a pattern names; adapters and new heads in any case', async () => {
    expect(await namesOf({})).toHaveLength(network.parameters.length);
    expect(await namesOf({ train: 'head' })).toEqual(['head.weight']);
    expect(await namesOf({ train: { matching: String.raw`block1\.mlp\..*` } })).toHaveLength(4);
    const head = rowHeadOf(network, 2);
    expect(await namesOf({ train: 'head', head, loss: classLoss(2) })).toEqual(['score.weight']);
    expect(await namesOf({ lora: { ...lora, targets: ['mlp.in'] }, head, loss: classLoss(2) })).toHaveLength(
      5,
    );
  });

  it('stays as it was where it is frozen, and where weight decay is for matrices vectors do not decay', async () => {
    const only = { ...language, train: { matching: 'norm.*' } } as const;
    const { state } = await train({ ...only, schedule: { kind: 'constant', warmup: 0 } }, allSteps(whole));
    expect(Object.keys(state.parameters)).toEqual(['norm.weight', 'norm.bias']);
    const heavy = { ...common.optimizer, weightDecay: 10 };
    const [decayed, spared] = await Promise.all(
      (['all', 'matrices'] as const).map(async (decay) => {
        const options = {
          ...only,
          optimizer: heavy,
          decay,
          schedule: { kind: 'constant', warmup: 0 },
        } as const;
        const after = await train(options, [whole(0)]);
        return after.state.parameters['norm.weight']!.data[0]!;
      }),
    );
    expect(spared! - decayed!).toBeCloseTo(0.1, 5);
  });

  it('has to be something, that exists', async () => {
    await expect(namesOf({ train: 'none' })).rejects.toThrow('nothing is trained');
    await expect(namesOf({ train: { matching: 'layers.*' } })).rejects.toThrow(
      'no parameter\'s name matches "layers.*" as a whole; there are embedding.token',
    );
  });
});

describe('a tuner refuses', () => {
  it('types that the device does not compute in, before any work', async () => {
    await expect(Tuner.open({ ...language, dtype: 'float16' })).rejects.toThrow(
      'a cpu computes in float32, not in float16: leave --dtype out, or choose another device (temper devices)',
    );
  });

  it('sequences longer than the positions of the model', async () => {
    const long: Step = [{ rows: [row(20, 'long')], batch: 1, length: 20 }];
    await expect(train(language, [long])).rejects.toThrow(
      "sequences of 20 tokens are longer than the model's 16 positions",
    );
  });

  it('to go on where the loss is no number: says which step, and keeps the state before it', async () => {
    const wild = { ...common.optimizer, learningRate: 1e38 };
    const options: TunerOptions = { ...language, optimizer: wild, schedule: { kind: 'constant', warmup: 0 } };
    const tuner = await Tuner.open(options);
    const failed = tuner.run(allSteps(whole));
    const error = await failed.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(NonFiniteError);
    const { step, before } = error as NonFiniteError;
    expect(before).toHaveLength(step - 1);
    expect(tuner.step).toBe(step - 1);
    await tuner.release();
  });
});

describe('activations computed again', () => {
  it.each([false, true])(
    'change no bit of a training with adapters and dropout (in parts: %s)',
    async (parts) => {
      const options = { ...language, lora: { ...lora, dropout: 0.2 } };
      const step = (at: number): Step =>
        parts
          ? whole(at).flatMap(({ rows }) => rows.map((one) => ({ rows: [one], batch: 1, length: 12 })))
          : whole(at);
      const [kept, again] = [
        await train(options, allSteps(step)),
        await train({ ...options, recompute: true }, allSteps(step)),
      ];
      expect(again).toEqual(kept);
    },
  );
});
