/** @file The losses over choices against PyTorch's, values and gradients; the numbers come from fixtures/losses.py. */
import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { differentiate } from '../onnx/differentiate.js';
import { evaluate } from '../onnx/evaluate.js';
import { Graph, type Value } from '../onnx/graph.js';
import { Detach } from '../onnx/operators/elementwise.js';
import { mul, reduceMean, reduceSum, reshape } from '../onnx/operators/index.js';
import { closeSessions } from '../onnx/session.js';
import type { Loss } from './definition/loss.js';
import { losses, methods } from './definition/registry.js';
import type { LossParameters } from './loss-parts/parameters.js';

type Rows = readonly (readonly number[])[];

interface Case {
  readonly logits: Rows;
  readonly targets: Rows;
  /** 1 for every row where absent. */
  readonly weights?: readonly number[];
}

interface Point {
  readonly progress?: number;
  readonly steps?: number;
}

interface Record extends Point {
  readonly case: string;
  readonly loss: string;
  readonly parameters: LossParameters;
  /** The loss of each row. */
  readonly items: readonly number[];
  /** Of the weighted mean. */
  readonly gradient: Rows;
}

const { cases, records, medians } = JSON.parse(
  readFileSync(new URL('./fixtures/losses.json', import.meta.url), 'utf8'),
) as {
  cases: { [name: string]: Case };
  records: Record[];
  medians: { targets: Rows; radius: number }[];
};

afterAll(closeSessions);

type ChoiceLoss = Extract<Loss, { reads: 'choices' }>;

function choiceLoss(name: string): ChoiceLoss {
  const loss = losses[name];
  if (loss?.reads !== 'choices') throw new RangeError(`${name} is no loss over choices`);
  return loss;
}

const overChoices = Object.keys(losses).filter((name) => losses[name]!.reads === 'choices');

/** A graph in which what is detached is what it is given instead: a loss held at a point, where it would move along. */
class AnchoredGraph extends Graph {
  anchor: Value | undefined;

  override emitOne(...[operator, inputs, attributes]: Parameters<Graph['emitOne']>): Value {
    if (Object.is(operator, Detach) && this.anchor !== undefined) return this.anchor;
    return super.emitOne(operator, inputs, attributes);
  }
}

const tensor = (rows: Rows) => ({
  shape: [rows.length, rows[0]!.length],
  data: Float32Array.from(rows.flat()),
});

/** The loss of each row, and the gradient of their weighted mean, as a training graph has them: in float32. */
async function computed(
  name: string,
  parameters: LossParameters,
  { logits, targets, weights = logits.map(() => 1) }: Case,
  { progress = 0, steps = 1000 }: Point,
  anchor?: Rows,
) {
  const graph = new AnchoredGraph();
  const { shape } = tensor(logits);
  const inputs = {
    graph,
    logits: graph.input('logits', 'float32', shape),
    targets: graph.input('targets', 'float32', shape),
    progress: graph.input('progress', 'float32', []),
    steps,
  };
  const weight = graph.input('weights', 'float32', [logits.length]);
  if (anchor !== undefined) graph.anchor = graph.input('anchor', 'float32', shape);
  const items = choiceLoss(name).build(inputs, parameters);
  const mean = reshape(reduceMean(mul(items, weight)), []);
  const sum = reshape(reduceSum(mul(items, weight)), []);
  const [gradient] = differentiate(mean, [inputs.logits]);
  const results = await evaluate(
    { items, sum, gradient: gradient! },
    {
      logits: tensor(logits),
      targets: tensor(targets),
      progress: { shape: [], data: Float32Array.of(progress) },
      weights: { shape: [logits.length], data: Float32Array.from(weights) },
      ...(anchor === undefined ? {} : { anchor: tensor(anchor) }),
    },
  );
  const numbers = (key: string): number[] => Array.from(results[key]!.data, Number);
  expect(results['items']!.shape).toEqual([logits.length]);
  return { items: numbers('items'), gradient: numbers('gradient'), sum: numbers('sum')[0]! };
}

/** The farthest that numbers are from those expected, in parts of them where they are over 1. */
function farthest(actual: readonly number[], expected: readonly number[]): number {
  expect(actual.length).toBe(expected.length);
  return Math.max(...expected.map((value, i) => Math.abs(actual[i]! - value) / Math.max(1, Math.abs(value))));
}

const described = (each: Record): string =>
  [
    each.case,
    ...Object.entries(each.parameters).map(([name, value]) => `${name} ${value}`),
    ...(each.progress === undefined ? [] : [`at ${each.progress}`]),
  ].join(', ');

describe.each(overChoices)('%s is that of PyTorch, and so is its gradient', (loss) => {
  const own = records.filter((each) => each.loss === loss);

  it('(there are numbers to compare with)', () => {
    expect(new Set(own.map((each) => each.case)).size).toBe(Object.keys(cases).length);
  });

  it.each(own.map((each) => [described(each), each] as const))('%s', async (_name, each) => {
    const actual = await computed(loss, each.parameters, cases[each.case]!, each);
    // A row's loss reaches 240 here (a certain answer that is wrong), so 1e-6 of its size.
    expect(farthest(actual.items, each.items)).toBeLessThan(1e-6);
    expect(farthest(actual.gradient, each.gradient.flat())).toBeLessThan(1e-6);
  });
});

describe.each(overChoices)('the gradient of %s', (loss) => {
  const settings = [
    ...new Map(
      records
        .filter((each) => each.loss === loss)
        .map((each) => [JSON.stringify([each.parameters, each.progress]), each]),
    ).values(),
  ];

  it.each(['soft labels', 'three classes', 'rows of different weights, one of them 0'])(
    'is that of central differences, with what it holds fixed held fixed: %s',
    async (name) => {
      const { logits, ...rest } = cases[name]!;
      const place = [1, 1] as const;
      // float32: a step this wide costs less by its curvature than a narrower one by rounding.
      const step = 2 ** -5;
      const moved = (by: number): Rows =>
        logits.map((row, r) =>
          row.map((value, c) => (r === place[0] && c === place[1] ? value + by : value)),
        );
      for (const { parameters, ...point } of settings) {
        const at = async (by: number): Promise<number> =>
          (await computed(loss, parameters, { logits: moved(by), ...rest }, point, logits)).sum;
        const slope = ((await at(step)) - (await at(-step))) / (2 * step);
        const { gradient } = await computed(loss, parameters, { logits, ...rest }, point);
        const analytic = gradient[place[0] * logits[0]!.length + place[1]]! * logits.length;
        expect(Math.abs(slope - analytic), JSON.stringify(parameters)).toBeLessThan(5e-4);
      }
    },
  );

  it('is none where no row weighs anything', async () => {
    for (const { parameters, ...point } of settings) {
      for (const name of [
        'rows that all weigh nothing',
        'labels that exclude what the student is certain of',
      ]) {
        const weights = cases[name]!.logits.map(() => 0);
        const { gradient, sum } = await computed(loss, parameters, { ...cases[name]!, weights }, point);
        expect([sum, ...gradient].map(Math.abs)).toEqual([0, ...gradient.map(() => 0)]);
      }
    }
  });

  it('is finite wherever a student can be', async () => {
    const logits = [
      [1e4, -1e4],
      [-1e4, 1e4],
      [3e4, 3e4],
      [0, 0],
    ];
    for (const targets of [
      [
        [0, 1],
        [1, 0],
        [0, 1],
        [1, 0],
      ],
      [
        [1, 0],
        [0, 1],
        [0.5, 0.5],
        [1e-30, 1],
      ],
    ]) {
      for (const { parameters, ...point } of settings) {
        const { items, gradient } = await computed(loss, parameters, { logits, targets }, point);
        expect([...items, ...gradient].filter((value) => !Number.isFinite(value))).toEqual([]);
      }
    }
  });
});

describe('the auxiliary confidence loss', () => {
  const confidence = 'auxiliary-confidence';
  const logits = [
    [2, 0],
    [1, 0],
    [0.5, 0],
    [-0.5, 0],
    [-1, 0],
    [-2, 0],
    [-3, 0],
    [-4, 0],
  ];
  const targets = (seconds: number): number[][] => logits.map((_, row) => (row < seconds ? [0, 1] : [1, 0]));
  const meanAt = async (name: string, parameters: LossParameters, progress: number): Promise<number> =>
    (await computed(name, parameters, { logits, targets: targets(3) }, { progress })).sum / logits.length;

  it('hardens to as many of each class as the weak labels have, however sure the student is', async () => {
    for (const seconds of [0, 2, 4, 6, 8]) {
      // With alpha = 1 the gradient is (p − ŷ) / B: its sign tells what ŷ is.
      const { gradient } = await computed(
        confidence,
        { alpha: 1, warmup: 0 },
        { logits, targets: targets(seconds) },
        {},
      );
      const firsts = logits.map((_, row) => gradient[2 * row]! < 0);
      // The rows that look most like the first class, and never none: the threshold is one of the rows.
      const expected = Math.max(1, logits.length - seconds);
      expect(firsts).toEqual(logits.map((_, row) => row < expected));
    }
  });

  it.each([3, 7, 31, 33, 49, 127])(
    'stays inside a batch of %i whose labels are all of one class',
    async (rows) => {
      const many = Array.from({ length: rows }, (_, row) => [Math.sin(row), 0]);
      for (const label of [
        [0, 1],
        [1, 0],
      ]) {
        const { sum } = await computed(
          confidence,
          { alpha: 0.5, warmup: 0 },
          { logits: many, targets: many.map(() => label) },
          { progress: 1 },
        );
        expect(sum).toBeGreaterThan(0);
      }
    },
  );

  it('rises from plain cross entropy, linearly over the warm-up, and then stays', async () => {
    const plain = await meanAt('cross-entropy', {}, 0);
    const full = await meanAt(confidence, { alpha: 0.5, warmup: 0 }, 0);
    for (const [progress, share] of [
      [0, 0],
      [0.1, 0.25],
      [0.2, 0.5],
      [0.4, 1],
      [0.9, 1],
    ] as const) {
      const risen = plain + share * (full - plain);
      expect(await meanAt(confidence, { alpha: 0.5, warmup: 0.4 }, progress)).toBeCloseTo(risen, 5);
      // 0.4 of 1000 steps.
      expect(await meanAt(confidence, { alpha: 0.5, 'warmup-steps': 400 }, progress)).toBeCloseTo(risen, 5);
    }
    expect(full).not.toBeCloseTo(plain, 2);
    expect(await meanAt(confidence, { alpha: 0, warmup: 0 }, 0.5)).toBeCloseTo(plain, 6);
  });

  it('jumps at the end of the warm-up only where openai’s is asked for', async () => {
    const plain = await meanAt('cross-entropy', {}, 0);
    const full = await meanAt(confidence, { alpha: 0.5, warmup: 0 }, 0);
    const share = async (parameters: LossParameters, progress: number) =>
      ((await meanAt(confidence, { alpha: 0.5, warmup: 0.1, ...parameters }, progress)) - plain) /
      (full - plain);
    const released = { compatibility: 'openai' };
    expect(await share(released, 0.05)).toBeCloseTo(0.05, 4);
    expect(await share(released, 0.0999)).toBeCloseTo(0.0999, 4);
    expect(await share(released, 0.1001)).toBeCloseTo(1, 4);
    expect(await share({}, 0.05)).toBeCloseTo(0.5, 4);
    expect(await share({}, 0.0999)).toBeCloseTo(0.999, 3);
  });
});

describe('other losses', () => {
  it('kl: what is left of cross entropy where the student says what the labels say is nothing', async () => {
    const targets = [
      [0.25, 0.75],
      [0.5, 0.5],
    ];
    const { items, gradient } = await computed(
      'kl',
      {},
      { logits: targets.map((row) => row.map(Math.log)), targets },
      {},
    );
    expect([...items, ...gradient].every((value) => Math.abs(value) < 1e-7)).toBe(true);
  });

  it('entropy: the released form has a gradient of cross entropy alone; ours pulls towards certainty', async () => {
    const { logits } = cases['soft labels']!;
    const parameters = { alpha: 1, warmup: 0 };
    const at = { ...cases['soft labels']! };
    const released = await computed('entropy', { ...parameters, compatibility: 'eleutherai' }, at, {});
    expect(Math.max(...released.gradient.map(Math.abs))).toBeLessThan(1e-7);
    const ours = await computed('entropy', parameters, at, {});
    expect(ours.items.map((value) => value.toFixed(5))).toEqual(
      released.items.map((value) => value.toFixed(5)),
    );
    // Going down the gradient makes the larger logit larger.
    logits.forEach(([first, second], row) => {
      expect(Math.sign(ours.gradient[2 * row + 1]! - ours.gradient[2 * row]!)).toBe(
        Math.sign(first! - second!),
      );
    });
  });

  it('window: a batch that is all outside of it teaches nothing', async () => {
    const { items, gradient } = await computed(
      'window',
      { radius: 0.15 },
      cases['a student sure of every row']!,
      {},
    );
    expect([...items, ...gradient].every((value) => value === 0)).toBe(true);
  });

  it.each(medians)(
    'window: midweak is the median confidence of all labels: $radius',
    ({ targets, radius }) => {
      expect(choiceLoss('window').settle!({ radius: 'midweak' }, targets)).toEqual({ radius });
      expect(choiceLoss('window').settle!({ radius: 0.2 }, targets)).toEqual({ radius: 0.2 });
    },
  );

  it('a loss whose choice lacks a number says which', async () => {
    await expect(computed('product', { alpha: 1 }, cases['soft labels']!, {})).rejects.toThrow('"beta"');
    await expect(computed('window', { radius: 'midweak' }, cases['soft labels']!, {})).rejects.toThrow(
      '"radius"',
    );
  });

  it('adaptive confidence: an item on which both agree is half its own answer, one at odds less', async () => {
    const one = async (logit: number, target: number[]) =>
      computed(
        'adaptive-confidence',
        { temperature: 0.5, warmup: 0 },
        { logits: [[logit, 0]], targets: [target] },
        {},
      );
    // The gradient is p − y with the weight (1 − a) on the label and a on the own answer.
    const weightOf = async (logit: number, target: number[]) => {
      const p = 1 / (1 + Math.exp(-logit));
      return (p - (await one(logit, target)).gradient[0]! - target[0]!) / (1 - target[0]!);
    };
    expect(await weightOf(2, [0.75, 0.25])).toBeCloseTo(0.5, 5);
    expect(await weightOf(0.5, [0.25, 0.75])).toBeCloseTo(1 / (1 + Math.exp(0.5 / 0.5)), 5);
    expect(await weightOf(3, [0.25, 0.75])).toBeCloseTo(1 / (1 + Math.exp(3 / 0.5)), 5);
  });
});

it('options that did not exist before leave a choice as it was', () => {
  const asked: unknown[] = [];
  const cell = {
    weakLabels: () => [],
    student: ({ loss }: { loss: unknown }) => asked.push(loss),
    evaluate: () => undefined,
  };
  const choose = (parameters: object): unknown => {
    const { confidence } = methods;
    confidence!.evaluation(cell as never, confidence!.parameters.parse(parameters));
    return asked.at(-1);
  };
  expect(choose({})).toEqual({ name: 'auxiliary-confidence', alpha: 0.5, warmup: 0.1 });
  expect(choose({ 'warmup-steps': 100, balance: true, compatibility: 'openai' })).toEqual({
    name: 'auxiliary-confidence',
    alpha: 0.5,
    'warmup-steps': 100,
    balance: true,
    compatibility: 'openai',
  });
});
