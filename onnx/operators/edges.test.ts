/** @file Where operators have edges: masked rows, zeros, repeated indices, several threads, inputs that do not fit. */
import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../../base/random.js';
import { parseDevice } from '../device.js';
import { differentiate } from '../differentiate.js';
import { evaluate, evaluator } from '../evaluate.js';
import { Graph, type Value } from '../graph.js';
import { closeSessions } from '../session.js';
import { ShapeError } from '../shape.js';
import { type HostTensor } from '../tensor.js';
import * as o from './index.js';

afterAll(closeSessions);

const float32 = (shape: readonly number[], values: readonly number[]): HostTensor => ({
  shape,
  data: Float32Array.from(values),
});

/** What a function of x puts out, and ∂ Σ output² / ∂ x. */
async function valueAndGradient(
  shape: readonly number[],
  values: readonly number[],
  build: (x: Value) => Value,
) {
  const graph = new Graph();
  const x = graph.input('x', 'float32', shape);
  const y = build(x);
  const [gradient] = differentiate(o.reduceSum(o.mul(y, y)), [x]);
  const results = await evaluate({ y, gradient: gradient as Value }, { x: float32(shape, values) });
  return {
    y: [...(results['y']?.data as Float32Array)],
    gradient: [...(results['gradient']?.data as Float32Array)],
  };
}

describe('rows that are masked everywhere', () => {
  const least = -3.4028234663852886e38;
  const scores = [1, 2, 3, -4, 5, 6];
  const masked = (x: Value) =>
    o.add(x, x.graph.constant('float32', [2, 3], [0, least, 0, least, least, least]));

  it('are uniform under softmax with the least finite number, and have a gradient of numbers', async () => {
    const { y, gradient } = await valueAndGradient([2, 3], scores, (x) => o.softmax(masked(x)));
    for (const p of y.slice(3)) expect(p).toBeCloseTo(1 / 3, 6);
    expect(y[1]).toBe(0);
    expect(gradient.every(Number.isFinite)).toBe(true);
    expect(gradient[1]).toBe(0);
  });

  it('pass through a guard against NaN', async () => {
    const guarded = (x: Value) => {
      const p = o.softmax(masked(x));
      return o.where(o.isNaN(p), 0, p);
    };
    const { y, gradient } = await valueAndGradient([2, 3], scores, guarded);
    const plain = await valueAndGradient([2, 3], scores, (x) => o.softmax(masked(x)));
    expect({ y, gradient }).toEqual(plain);
  });
});

describe('gradients at zero', () => {
  it.each<[string, (x: Value) => Value, number[]]>([
    ['of a product with one zero goes to that factor', (x) => o.reduceProd(x, [1]), [0, 0, 0, 0, 0, 0]],
    ['of a square', (x) => o.pow(x, 2), [0, 32, 0, 0, 108, 4]],
    ['of the power 0', (x) => o.pow(x, 0), [0, 0, 0, 0, 0, 0]],
    ['of a norm over nothing but zeros', (x) => o.reduceL2(o.mul(x, 0), [1]), [0, 0, 0, 0, 0, 0]],
  ])('%s is a number', async (_name, build, expected) => {
    const { gradient } = await valueAndGradient([2, 3], [0, 2, 0, 0, 3, 1], build);
    expect(gradient.map((g) => g + 0)).toEqual(expected);
  });

  it('of powers for the exponents', async () => {
    const { gradient } = await valueAndGradient([3], [0.5, 2, 0], (x) =>
      o.pow(x.graph.constant('float32', [3], [0, 0, 2]), x),
    );
    expect(gradient).toEqual([0, 0, expect.closeTo(2 * Math.log(2), 5)]);
  });
});

describe('several threads', () => {
  /** The bits of an output on a CPU of so many threads. */
  async function bits(build: (graph: Graph) => Value, threads: number): Promise<Uint8Array> {
    const ready = await evaluator({ y: build(new Graph()) }, parseDevice(`cpu:${threads}`));
    try {
      const data = (await ready.run({}))['y']?.data as Float32Array;
      return new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
    } finally {
      await ready.release();
    }
  }
  const numbers = (graph: Graph, ...shape: number[]) => {
    const random = Random.of(4, 'threads', shape.join());
    const count = shape.reduce((a, b) => a * b, 1);
    return graph.constant(
      'float32',
      shape,
      Float32Array.from({ length: count }, () => random.normal()),
    );
  };

  it.each<[string, (graph: Graph) => Value]>([
    ['a product of matrices', (graph) => o.matmul(numbers(graph, 50, 700), numbers(graph, 700, 100))],
    ['rows times a matrix', (graph) => o.matmul(numbers(graph, 2, 25, 700), numbers(graph, 700, 100))],
    [
      'one product of a batch',
      (graph) => o.fusedMatmul(numbers(graph, 1, 50, 700), numbers(graph, 1, 100, 700), { transB: true }),
    ],
    ['an Einstein sum', (graph) => o.einsum('ik,kj->ij', numbers(graph, 50, 700), numbers(graph, 700, 100))],
  ])('make the same bits of %s', async (_name, build) => {
    expect(Buffer.compare(await bits(build, 1), await bits(build, 2))).toBe(0);
  });

  it('lose nothing that repeated indices add', async () => {
    const count = 40_000;
    const added = (graph: Graph) => {
      const indices = graph.constant(
        'int64',
        [count, 1],
        BigInt64Array.from({ length: count }, (_, i) => BigInt(i % 4)),
      );
      const ones = graph.constant('float32', [count], new Float32Array(count).fill(1));
      return o.apply(graph, o.entryOf('ScatterND') as o.Entry, [graph.zeros('float32', [4]), indices, ones], {
        reduction: 'add',
      })[0] as Value;
    };
    const data = new Float32Array((await bits(added, 2)).buffer);
    expect([...data]).toEqual([10_000, 10_000, 10_000, 10_000]);
  });
});

describe('inputs that do not go together', () => {
  const cases: [string, (x: Value) => unknown, RegExp][] = [
    ['an axis', (x) => o.softmax(x, 2), /axis 2 does not exist in a tensor of rank 2/],
    [
      'an index',
      (x) => o.gather(x, x.graph.constant('int64', [1], [3]), 1),
      /Gather \(node .*\): index 3 does not exist in axis 1 of size 3; its inputs are x: float32\[2, 3\]/,
    ],
    [
      'a slice',
      (x) => o.slice(x, 1, 2, 4),
      /Slice of x: float32\[2, 3\]: 2…4 is not a range of an axis of size 3/,
    ],
    ['a step', (x) => sliced(x, 0), /Slice \(node .*\): the step along axis 0 is 0/],
    ['a shape', (x) => o.reshape(x, [4, 2]), /\[2, 3\] does not hold the elements of \[4, 2\]/],
    ['an equation', (x) => o.einsum('ij,jk->ik', x), /"ij,jk->ik" is no equation of 1 operands/],
    ['a label', (x) => o.einsum('ij,jk->ik', x, x), /label j stands for 3 and for 2/],
    [
      'labels of a loss',
      (x) => o.softmaxCrossEntropyLoss(x, x.graph.constant('int64', [3], [0, 1, 2])),
      /labels \[3\] are not one for each position of \[2, 3\]/,
    ],
    [
      'dropout',
      (x) => o.apply(x.graph, o.Dropout, [x, undefined, x.graph.constant('bool', [], [1])]),
      /it would drop out at random/,
    ],
    [
      'a sum by threads',
      (x) =>
        o.apply(x.graph, o.ScatterND, [x, x.graph.constant('int64', [1, 1], [0]), x], { reduction: 'add' }),
      /depends on threads/,
    ],
  ];
  const sliced = (x: Value, step: number) => {
    const vector = (n: number) => x.graph.constant('int64', [1], [n]);
    return o.apply(x.graph, o.Slice, [x, vector(0), vector(1), vector(0), vector(step)]);
  };

  it.each(cases)('say what is wrong with %s', (_name, build, message) => {
    const x = new Graph().input('x', 'float32', [2, 3]);
    expect(() => build(x)).toThrow(ShapeError);
    expect(() => build(x)).toThrow(message);
  });
});
