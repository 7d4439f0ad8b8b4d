/** @file The operator table and the readers of foreign files against ONNX's own tests of its operators. */
import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../../base/random.js';
import { realData } from '../../test/real-data.js';
import { differentiate } from '../differentiate.js';
import { evaluate } from '../evaluate.js';
import { Graph, type Value } from '../graph.js';
import { optimize } from '../optimizer.js';
import { closeSessions } from '../session.js';
import {
  attributeOf,
  graphOfNodeTest,
  type NodeTest,
  nodeTestNames,
  readNodeTest,
} from '../testing/node-tests.js';
import { nodeTested } from '../testing/operators-page.js';
import { isFloat, sizeOf, type HostTensor } from '../tensor.js';
import { add, mul, reduceSum } from './index.js';

afterAll(closeSessions);

const folder = realData('onnx-node');
const names = folder === undefined ? [] : nodeTestNames(folder);

/** Tests of optimizers that Temper does not have, and why. */
const notOurs: Readonly<Record<string, string>> = {
  test_adagrad: 'Temper has no Adagrad',
  test_adagrad_multiple: 'Temper has no Adagrad',
  test_adam: 'decays in the gradient, adds ε before the bias correction: Temper has AdamW, as PyTorch',
  test_adam_multiple:
    'decays in the gradient, adds ε before the bias correction: Temper has AdamW, as PyTorch',
};
const momenta = ['test_momentum', 'test_momentum_multiple', 'test_nesterov_momentum'];
const optimizers = new Set([...Object.keys(notOurs), ...momenta]);
const operatorTests = names.filter((name) => !optimizers.has(name));
const losses = names.filter((name) => name.startsWith('test_sce_'));
const twins = operatorTests.filter((name) => name.includes('_expanded') && !name.startsWith('test_sce_'));

const open = (name: string) => readNodeTest(folder ?? '', name);
const numbersOf = (tensor: HostTensor | undefined) => Array.from(tensor?.data ?? [], Number);

/** The largest difference, relative to 1 for numbers below it. */
function distance(found: readonly number[], expected: readonly number[]): number {
  if (found.length !== expected.length) return Infinity;
  return expected.reduce((worst, value, i) => {
    const error = Math.abs((found[i] as number) - value) / Math.max(1, Math.abs(value));
    return Math.max(worst, Number.isNaN(error) ? Infinity : error);
  }, 0);
}

/** Numbers between −1 and 1, the same for the same purpose. */
function weightsFor(purpose: string, count: number): number[] {
  const random = Random.of(2, purpose, String(count));
  return Array.from({ length: count }, () => Math.fround(random.uniform() * 2 - 1));
}

/** ∂ Σ weights·outputs / ∂ inputs, for the inputs of real numbers. */
async function gradientsOf(
  test: NodeTest,
  weights: readonly (readonly number[])[],
): Promise<Map<string, number[]>> {
  const { graph, inputs, outputs } = await graphOfNodeTest(test);
  const parts = Object.values(outputs).map((output, i) =>
    reduceSum(mul(output, graph.constant('float32', output.shape as number[], weights[i] as number[]))),
  );
  const wanted = [...inputs].filter(([, { dtype }]) => isFloat(dtype));
  const gradients = differentiate(
    parts.reduce((a, b) => add(a, b)),
    wanted.map(([, value]) => value),
  );
  const named = Object.fromEntries(gradients.map((gradient, i) => [`d${i}`, gradient]));
  const results = await evaluate(named, Object.fromEntries(test.inputs));
  return new Map(wanted.map(([name], i) => [name, numbersOf(results[`d${i}`])]));
}

const outputWeights = ({ outputs }: NodeTest) =>
  [...outputs.values()].map(({ shape }, i) => weightsFor(`output ${i}`, sizeOf(shape)));

/** Softmax cross entropy's slope for the scores, of Σ weights·loss + Σ weights·log-probabilities, by its formula. */
function lossSlope(plain: NodeTest, [ofLoss = [], ofLog]: readonly (readonly number[])[]): number[] {
  const [scores, labels, classWeights] = [...plain.inputs.values()] as [HostTensor, HostTensor, HostTensor?];
  const node = plain.nodes[0] as NodeTest['nodes'][number];
  const reduction = Buffer.from(attributeOf(node, 'reduction')?.s ?? 'mean').toString();
  const ignored = attributeOf(node, 'ignore_index');
  const [n, classes, ...positions] = scores.shape as [number, number, ...number[]];
  const inner = sizeOf(positions);
  const x = numbersOf(scores);
  const label = numbersOf(labels);
  const weight = label.map((k) =>
    ignored !== undefined && k === Number(ignored.i)
      ? 0
      : classWeights === undefined
        ? 1
        : Number(classWeights.data[k]),
  );
  const total = reduction === 'mean' ? weight.reduce((a, b) => a + b, 0) : 1;
  const slope = new Array<number>(x.length);
  for (let row = 0; row < n * inner; row++) {
    const at = (k: number) => (Math.floor(row / inner) * classes + k) * inner + (row % inner);
    const all = Array.from({ length: classes }, (_, k) => Math.exp(x[at(k)] as number));
    const sum = all.reduce((a, b) => a + b, 0);
    const logSum = all.reduce((a, _, k) => a + (ofLog?.[at(k)] ?? 0), 0);
    const share =
      ((reduction === 'none' ? ofLoss[row] : ofLoss[0]) as number) * ((weight[row] as number) / total);
    all.forEach((e, k) => {
      slope[at(k)] =
        share * (e / sum - (label[row] === k ? 1 : 0)) + (ofLog?.[at(k)] ?? 0) - (e / sum) * logSum;
    });
  }
  return slope;
}

describe.skipIf(folder === undefined)("ONNX's tests of operators", () => {
  it('are all taken, but for optimizers that Temper does not have', () => {
    expect(names.length).toBeGreaterThanOrEqual(145);
    expect(losses).toHaveLength(68);
    expect(names.filter((name) => !operatorTests.includes(name) && !momenta.includes(name))).toEqual(
      Object.keys(notOurs),
    );
  });

  it('are of the operators that docs/operators.md says', () => {
    const plain = operatorTests.filter((name) => !name.includes('_expanded'));
    const types = new Set(plain.flatMap((name) => open(name).nodes.map(({ opType }) => opType)));
    expect([...types].sort()).toEqual(nodeTested);
  });

  it.each(operatorTests)('%s', async (name) => {
    const test = open(name);
    const { outputs } = await graphOfNodeTest(test);
    const results = await evaluate(outputs, Object.fromEntries(test.inputs));
    for (const [key, expected] of test.outputs) {
      expect(results[key]?.shape, key).toEqual(expected.shape);
      expect(distance(numbersOf(results[key]), numbersOf(expected)), key).toBeLessThan(1e-5);
    }
  });

  it.each(losses)('%s, its gradient', async (name) => {
    const test = open(name);
    const weights = outputWeights(test);
    const expected = lossSlope(open(name.replace('_expanded', '')), weights);
    const [found = []] = (await gradientsOf(test, weights)).values();
    expect(distance(found, expected)).toBeLessThan(1e-5);
  });

  it.each(twins)('%s has the gradients of the operator that it expands', async (name) => {
    const test = open(name);
    const plain = open(name.replace(/_expanded.*/, ''));
    const weights = outputWeights(test);
    const [found, expected] = [await gradientsOf(test, weights), await gradientsOf(plain, weights)];
    for (const [key, gradient] of expected)
      expect(distance(found.get(key) ?? [], gradient), key).toBeLessThan(1e-4);
  });

  it.each(momenta)('%s is the first step of SGD with momentum', async (name) => {
    const test = open(name);
    const node = test.nodes[0] as NodeTest['nodes'][number];
    const tensors = [...test.inputs.values()];
    const count = (tensors.length - 2) / 3;
    expect(numbersOf(tensors[1]), 'the number of the step').toEqual([0]);
    const graph = new Graph();
    const given = (kind: string, from: number) =>
      tensors
        .slice(from, from + count)
        .map((tensor, i) => graph.input(`${kind}${i}`, 'float32', tensor.shape));
    const [weights, gradients, momentum] = [given('x', 2), given('g', 2 + count), given('v', 2 + 2 * count)];
    const number = (attribute: string) => attributeOf(node, attribute)?.f as number;
    const { updated } = optimize(
      {
        kind: 'sgd',
        learningRate: numbersOf(tensors[0])[0] as number,
        weightDecay: number('norm_coefficient'),
        momentum: number('alpha'),
        nesterov: Buffer.from(attributeOf(node, 'mode')?.s ?? '').toString() === 'nesterov',
      },
      weights.map((parameter, i) => ({
        parameter,
        gradient: gradients[i] as Value,
        slots: { momentum: momentum[i] as Value },
        decay: true,
      })),
      { step: graph.scalar(0, 'float64'), steps: 1, schedule: { kind: 'constant', warmup: 0 } },
    );
    const feeds = [...weights, ...gradients, ...momentum].map(
      ({ name: key }, i) => [key, tensors[i + 2]] as const,
    );
    const results = await evaluate(
      Object.fromEntries([
        ...updated.map(({ parameter }, i) => [`x${i}'`, parameter] as const),
        ...updated.map(({ slots }, i) => [`v${i}'`, slots['momentum'] as Value] as const),
      ]),
      Object.fromEntries(feeds) as Record<string, HostTensor>,
    );
    [...test.outputs.values()].forEach((expected, i) => {
      const key = i < count ? `x${i}'` : `v${i - count}'`;
      expect(distance(numbersOf(results[key]), numbersOf(expected)), key).toBeLessThan(1e-5);
    });
  });
});
