/** @file Losses against what PyTorch's functions of the same names give, and new ones written on the spot. */
import { afterAll, describe, expect, it } from 'vitest';
import { evaluate } from '../../onnx/evaluate.js';
import { differentiate } from '../../onnx/differentiate.js';
import { Graph, type Value } from '../../onnx/graph.js';
import {
  add,
  div,
  gather,
  logSoftmax,
  mul,
  neg,
  oneHot,
  reduceSum,
  reshape,
  sigmoid,
  log,
  sub,
  gemm,
} from '../../onnx/operators/index.js';
import type { Loss, Lookup } from '../../onnx/program.js';
import { closeSessions } from '../../onnx/session.js';
import { sizeOf } from '../../onnx/tensor.js';
import { placeBatch, placeInputs, placesFor, tokenPlaces } from '../token-places.js';
import { classLoss, multiLabelLoss, softClassLoss, squaredErrorLoss } from './classification.js';
import { languageModelLoss } from './language-model.js';
import type { RowLoss, TokenLoss, TuningRow } from './loss.js';

afterAll(closeSessions);

const sizes = { batch: 4, length: 5 };

function clockOf(graph: Graph) {
  return { step: graph.scalar(0), steps: 1, progress: graph.scalar(0) };
}

async function numbers(
  { total, count, metrics = {} }: Loss,
  logits: Value,
  feeds: Parameters<typeof evaluate>[1],
) {
  const [gradient] = differentiate(div(total, count!), [logits]);
  const results = await evaluate(
    { loss: div(total, count!), gradient: gradient!, count: count!, ...metrics },
    feeds,
  );
  return (name: string) => Array.from(results[name]!.data, Number);
}

/** Loss and gradient of rows' logits. */
async function ofRows(loss: RowLoss, logits: readonly number[], rows: readonly TuningRow[]) {
  const graph = new Graph();
  const x = graph.input('logits', 'float32', [sizes.batch, loss.outputs]);
  const batch = loss.collate(rows, sizes);
  const specs = loss.inputs(sizes);
  const values = new Map(specs.map(({ name, dtype, shape }) => [name, graph.input(name, dtype, shape)]));
  const inputs: Lookup = (name) => values.get(name)!;
  return numbers(loss.build({ graph, inputs, logits: x, clock: clockOf(graph) }), x, {
    logits: { shape: [sizes.batch, loss.outputs], data: Float32Array.from(logits) },
    ...Object.fromEntries(specs.map(({ name, shape }) => [name, { shape, data: batch[name]! }])),
  });
}

const logits3 = [0, 0, 0, 2, -1, 0.5, 1, 1, -2, 0.25, 3, 0];
const targets = (...all: TuningRow['target'][]): TuningRow[] => all.map((target) => ({ ids: [1], target }));

// torch.nn.functional.{cross_entropy, binary_cross_entropy_with_logits, mse_loss} of the same numbers.
describe('losses of rows', () => {
  it('classes: cross entropy, the mean over the rows that count', async () => {
    const result = await ofRows(classLoss(3), logits3, targets(2, 0, -100));
    expect(result('count')).toEqual([2]);
    expect(result('loss')[0]).toBeCloseTo(
      (Math.log(3) + Math.log(Math.exp(2) + Math.exp(-1) + Math.exp(0.5)) - 2) / 2,
      6,
    );
    expect(result('gradient').slice(0, 3)).toEqual(
      [1 / 6, 1 / 6, 1 / 6 - 0.5].map((x) => expect.closeTo(x, 6) as number),
    );
    expect(result('gradient').slice(6)).toEqual(new Array(6).fill(0));
    // Ties go to the first class.
    expect(result('accuracy')).toEqual([0.5]);
  });

  it('classes by probabilities: with all on one class they are hard', async () => {
    const hard = await ofRows(classLoss(3), logits3, targets(2, 0, 1, 1));
    const soft = await ofRows(softClassLoss(3), logits3, targets([0, 0, 1], [1, 0, 0], [0, 1, 0], [0, 1, 0]));
    expect(soft('loss')[0]).toBeCloseTo(hard('loss')[0]!, 6);
    soft('gradient').forEach((value, i) => expect(value).toBeCloseTo(hard('gradient')[i]!, 6));
  });

  it('several labels: binary cross entropy over rows and classes, right at zero and far from it', async () => {
    const result = await ofRows(multiLabelLoss(3), [0, 200, -200, ...logits3.slice(3)], targets([1, 1, 0]));
    expect(result('loss')[0]).toBeCloseTo(Math.log(2) / 3, 6);
    expect(result('gradient').slice(0, 3)).toEqual(
      [-0.5 / 3, 0, 0].map((x) => expect.closeTo(x, 6) as number),
    );
  });

  it('a number: squared error', async () => {
    const result = await ofRows(squaredErrorLoss(), [1, 2, 3, 4], targets(0, 4));
    expect(result('loss')).toEqual([2.5]);
    expect(result('gradient')).toEqual([1, -2, 0, 0]);
  });

  it('refuse targets that do not fit, naming the row', () => {
    expect(() => classLoss(3).collate(targets(0, 3), sizes)).toThrow(
      'row 1 of the batch has the class 3: a whole number from 0 to 2',
    );
    expect(() => classLoss(3).collate(targets(0.5), sizes)).toThrow('row 0 of the batch has the class 0.5');
    expect(() => squaredErrorLoss().collate(targets(1, undefined), sizes)).toThrow(
      'row 1 of the batch has the target none',
    );
    expect(() => multiLabelLoss(2).collate(targets([1, NaN]), sizes)).toThrow(
      '2 finite numbers were expected',
    );
  });
});

/** Three rows of labels, for a vocabulary of 4. */
const rows: TuningRow[] = [
  { ids: [1, 2, 3], labels: [1, 2, 3] },
  { ids: [0, 1, 2, 3, 0], labels: [-100, -100, -100, 3, 0] },
  { ids: [2, 2], labels: [-100, 1] },
];
const vocabulary = 4;

/** Loss and gradient over a batch's logits, [B·T, V]. */
async function ofTokens(loss: TokenLoss, places: number, data: Float32Array) {
  const graph = new Graph();
  const hidden = graph.input('logits', 'float32', [sizes.batch * sizes.length, vocabulary]);
  const found = tokenPlaces(rows, loss.shift, places, sizes);
  const batch = { ...placeBatch(found, places, sizes), ...loss.collate?.(rows, found, sizes) };
  const specs = [...placeInputs(places, sizes), ...(loss.inputs?.(sizes, places) ?? [])];
  const values = new Map(specs.map(({ name, dtype, shape }) => [name, graph.input(name, dtype, shape)]));
  const inputs: Lookup = (name) => values.get(name)!;
  const logits = places === sizes.batch * sizes.length ? hidden : gather(hidden, inputs('places'));
  const [labels, weights, ofRow] = [inputs('labels'), inputs('weights'), inputs('rows')];
  const built = loss.build({ graph, inputs, clock: clockOf(graph), logits, labels, weights, rows: ofRow });
  return numbers(built, hidden, {
    logits: { shape: hidden.shape as number[], data },
    ...Object.fromEntries(specs.map(({ name, shape }) => [name, { shape, data: batch[name]! }])),
  });
}

const tokenLogits = Float32Array.from({ length: sizeOf([4, 5, vocabulary]) }, (_, i) => Math.sin(3 * i));
const logProbability = (row: number, position: number, token: number) => {
  const at = (row * sizes.length + position) * vocabulary;
  const own = tokenLogits.slice(at, at + vocabulary);
  return own[token]! - Math.log(own.reduce((sum, x) => sum + Math.exp(x), 0));
};

describe('losses of tokens', () => {
  it('are made for one of a few numbers of places', () => {
    expect([0, 1, 2, 3, 5, 6, 10, 11, 20].map((count) => placesFor(count, sizes))).toEqual([
      3, 3, 3, 3, 5, 10, 10, 20, 20,
    ]);
  });

  it.each([5, 10, 20])(
    'each token after another, of labels that are not shifted, at %i places',
    async (places) => {
      const counted = [
        logProbability(0, 0, 2),
        logProbability(0, 1, 3),
        logProbability(1, 2, 3),
        logProbability(1, 3, 0),
        logProbability(2, 0, 1),
      ];
      const result = await ofTokens(languageModelLoss, places, tokenLogits);
      expect(result('count')).toEqual([5]);
      expect(result('loss')[0]).toBeCloseTo(-counted.reduce((sum, x) => sum + x) / 5, 5);
    },
  );
});

describe('a loss of one’s own is a few lines over the logits', () => {
  it('the distance from another model, KL(p ‖ q)', async () => {
    const teacher = (place: number) => [0.1, 0.2, 0.3, 0.4].map((_, token, all) => all[(token + place) % 4]!);
    const distillation: TokenLoss = {
      ...languageModelLoss,
      inputs: (_sizes, places) => [{ name: 'teacher', dtype: 'float32', shape: [places, vocabulary] }],
      collate: (_rows, places) => {
        const data = new Float32Array(10 * vocabulary).fill(0.25);
        for (const { index, position } of places) data.set(teacher(position), index * vocabulary);
        return { teacher: data };
      },
      build: ({ logits, weights, inputs }) => {
        const p = inputs('teacher');
        const distances = reduceSum(mul(p, sub(log(p), logSoftmax(logits))), [1]); // [P]
        return { total: reduceSum(mul(distances, weights)), count: reduceSum(weights) };
      },
    };
    const result = await ofTokens(distillation, 10, tokenLogits);
    const expected = [
      [0, 0],
      [0, 1],
      [1, 2],
      [1, 3],
      [2, 0],
    ].map(([row, position]) =>
      teacher(position!).reduce(
        (sum, p, token) => sum + p * (Math.log(p) - logProbability(row!, position!, token)),
        0,
      ),
    );
    expect(result('loss')[0]).toBeCloseTo(expected.reduce((sum, x) => sum + x) / 5, 5);
  });

  it('preferences (SimPO): rows in pairs, the first of each the better one', async () => {
    const [beta, margin] = [2, 0.5];
    const preference: TokenLoss = {
      ...languageModelLoss,
      build: ({ graph, logits, labels, weights, rows: ofRow }) => {
        const chosen = reduceSum(mul(logSoftmax(logits), oneHot(labels, vocabulary)), [1]); // [P]
        const inRow = mul(oneHot(ofRow, sizes.batch), reshape(weights, [-1, 1])); // [P, B]
        const sums = gemm(reshape(chosen, [1, -1]), inRow); // [1, B]
        const means = reshape(div(sums, add(reduceSum(inRow, [0], true), 1e-9)), [2, 2]); // [pairs, better or worse]
        const signs = graph.constant('float32', [1, 2], [1, -1]);
        const ahead = sub(mul(reduceSum(mul(means, signs), [1]), beta), margin); // [pairs]
        const isPair = graph.constant('float32', [2], [1, 0]);
        return { total: reduceSum(mul(neg(log(sigmoid(ahead))), isPair)), count: reduceSum(isPair) };
      },
    };
    const result = await ofTokens(preference, 10, tokenLogits);
    const better = (logProbability(0, 0, 2) + logProbability(0, 1, 3)) / 2;
    const worse = (logProbability(1, 2, 3) + logProbability(1, 3, 0)) / 2;
    expect(result('loss')[0]).toBeCloseTo(Math.log(1 + Math.exp(-(beta * (better - worse) - margin))), 4);
  });
});
