/** @file Every gradient in the operator table against central differences. */
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { DifferentiationError, differentiate } from '../differentiate.js';
import { evaluate } from '../evaluate.js';
import { Graph, type Value } from '../graph.js';
import { closeSessions } from '../session.js';
import { type Argument, gradientError } from '../testing/central_differences.js';
import * as o from './index.js';

afterAll(closeSessions);

type Case = [build: (...values: Value[]) => Value, ...specs: Argument[]];

const any = (...shape: number[]): Argument => ({ shape });
const positive = (...shape: number[]): Argument => ({ shape, between: [0.5, 2] });
/** No two elements close together, and none close to zero. */
const apart = (...shape: number[]): Argument => ({ shape, apart: true });
const indices = (x: Value, shape: number[], values: number[]) => x.graph.constant('int64', shape, values);

/** For every operator with a gradient, the cases that its rule distinguishes. */
const cases: Record<string, Case[]> = {
  // Elementwise; shapes that broadcast are checked for all binary operators below.
  Add: [[o.add, any(2, 3), any(3)]],
  Sub: [[o.sub, any(2, 3), any(2, 1)]],
  Mul: [
    [o.mul, any(2, 3), any()],
    [(x) => o.mul(x, x), any(3)],
  ],
  Div: [[o.div, any(2, 3), positive(3)]],
  Pow: [
    [o.pow, positive(2, 3), any(3)],
    [(x) => o.pow(x, 3), any(4)],
  ],
  Neg: [[o.neg, any(3)]],
  Reciprocal: [[o.reciprocal, positive(3)]],
  Abs: [[o.abs, apart(2, 4)]],
  Max: [[o.max, apart(6), { shape: [2, 1], between: [0.1, 0.2] }]],
  Min: [[o.min, apart(6), { shape: [2, 1], between: [0.1, 0.2] }]],
  Sqrt: [[o.sqrt, positive(4)]],
  Exp: [[o.exp, any(4)]],
  Log: [[o.log, positive(4)]],
  Sin: [[o.sin, any(4)]],
  Cos: [[o.cos, any(4)]],
  Tanh: [[o.tanh, any(4)]],
  Sigmoid: [[o.sigmoid, any(4)]],
  Relu: [[o.relu, apart(6)]],
  Erf: [[o.erf, any(5)]],
  Where: [
    [(a, b) => o.where(a.graph.constant('bool', [3], [1, 0, 1]), a, b), any(2, 3), any(1)],
    [(a, b) => o.where(o.greater(a, 0), b, a), apart(6), any(6)],
  ],
  Cast: [[(x) => o.cast(o.cast(x, 'float64'), x.dtype), any(3)]],
  Detach: [[(x) => o.mul(o.detach(o.fill(x.graph, x.dtype, [3], 2)), x), any(3)]],
  // Activations.
  ScaledGelu: [[o.scaledGelu, any(2, 4)]],
  // Matrix products.
  MatMul: [
    [o.matmul, any(2, 3), any(3, 4)],
    [o.matmul, any(2, 1, 2, 3), any(4, 3, 2)],
    [o.matmul, any(3, 2, 3), any(3, 2)],
  ],
  FusedMatMul: [false, true].flatMap((transA) =>
    [false, true].map((transB): Case => {
      const [a, b] = [transA ? [3, 2] : [2, 3], transB ? [4, 3] : [3, 4]];
      return [(x, y) => o.fusedMatmul(x, y, { transA, transB, alpha: 0.7 }), any(2, ...a), any(1, ...b)];
    }),
  ),
  Gemm: [false, true].flatMap((transA) =>
    [false, true].map((transB): Case => {
      const [a, b] = [transA ? [3, 2] : [2, 3], transB ? [4, 3] : [3, 4]];
      const options = { transA, transB, alpha: 0.7, beta: transA ? 1 : 0.3 };
      return [(x, y, c) => o.gemm(x, y, c, options), any(...a), any(...b), transB ? any(4) : any(2, 1)];
    }),
  ),
  // With more columns than rows, and long sums.
  TransposedGemm: [false, true].flatMap((transA) =>
    [false, true].map((transB): Case => {
      const [a, b] = [transA ? [130, 2] : [2, 130], transB ? [3, 130] : [130, 3]];
      const options = { transA, transB, alpha: 0.7, beta: transA ? 1 : 0.3 };
      return [(x, y, c) => o.gemm(x, y, c, options), any(...a), any(...b), transB ? any(3) : any(2, 1)];
    }),
  ),
  // Movement.
  Reshape: [[(x) => o.reshape(x, [3, -1]), any(2, 6)]],
  Transpose: [[(x) => o.transpose(x, [2, 0, 1]), any(2, 3, 4)]],
  Expand: [[(x) => o.expand(x, [2, 3, 4]), any(3, 1)]],
  Slice: [
    [(x) => o.slice(x, 1, 1, 3), any(2, 4)],
    [(x) => o.slice(x, -2, 0, 2), any(3, 2)],
  ],
  Concat: [[(a, b) => o.concat([a, b, a], 1), any(2, 3), any(2, 1)]],
  Split: [
    [(x) => o.split(x, 1, [1, 3, 2])[1] as Value, any(2, 6)],
    [(x) => o.mul(...(o.split(x, 0, [2, 2]) as [Value, Value])), any(4, 3)],
  ],
  // Reductions.
  ReduceSum: [
    [(x) => o.reduceSum(x, [0, 2]), any(2, 3, 2)],
    [(x) => o.reduceSum(x, [-1], true), any(2, 3)],
  ],
  ReduceMean: [
    [(x) => o.reduceMean(x, [1]), any(2, 3, 2)],
    [(x) => o.reduceMean(x), any(2, 3)],
  ],
  ReduceMax: [[(x) => o.reduceMax(x, [1]), apart(3, 4)]],
  ReduceMin: [[(x) => o.reduceMin(x, [0], true), apart(3, 4)]],
  ReduceSumSquare: [
    [(x) => o.reduceSumSquare(x), any(2, 3)],
    [(x) => o.reduceSumSquare(x, [0]), any(2, 3)],
    [(x) => o.reduceSumSquare(x), any()],
  ],
  // Indexing.
  Gather: [[(x) => o.gather(x, indices(x, [2, 3], [0, 1, 1, 4, 1, 0])), any(5, 2)]],
  GatherUnique: [[(x) => o.gatherUnique(x, indices(x, [3], [4, 0, 2])), any(5, 2)]],
  GatherElements: [[(x) => o.gatherElements(x, indices(x, [2, 3], [0, 0, 2, 1, 2, 1]), 1), any(2, 3)]],
  ScatterElements: [
    [(x, u) => o.scatterElements(x, indices(x, [2, 2], [0, 1, 0, 0]), u, 0, 'add'), any(3, 2), any(2, 2)],
  ],
  // Softmax.
  Softmax: [
    [(x) => o.softmax(x), any(3, 4)],
    [(x) => o.softmax(x, 0), any(3, 2)],
  ],
  LogSoftmax: [
    [(x) => o.logSoftmax(x), any(3, 4)],
    [(x) => o.logSoftmax(x, 0), any(3, 2)],
  ],
  CrossEntropy: [[(x) => o.crossEntropy(x, indices(x, [3], [2, 0, 2])), any(3, 4)]],
  // Normalization.
  LayerNormalization: [[(x, s, b) => o.layerNorm(x, s, b), any(2, 3, 5), any(5), any(5)]],
};

/** ONNX Runtime has no float64 kernel for these. */
const singlePrecision = new Set(['Erf', 'ScaledGelu', 'LayerNormalization']);

describe('the operator table', () => {
  const differentiable = [...o.operators.values()].filter(o.isDifferentiable).map(({ name }) => name);

  it('has a case here for every gradient', () => {
    expect(Object.keys(cases).sort()).toEqual(differentiable.sort());
  });

  it.each(Object.entries(cases))('%s agrees with central differences', async (name, list) => {
    for (const [build, ...specs] of list) {
      const precision = singlePrecision.has(name) ? 'float32' : 'float64';
      expect(await gradientError(build, specs, precision), JSON.stringify(specs)).toBeLessThan(1);
    }
  });

  const forwardOnly = [...o.operators.values()]
    .filter((entry) => !o.isDifferentiable(entry))
    .map(({ name }) => name);
  it('says which operators have no gradient', () => {
    expect(forwardOnly.sort()).toMatchInlineSnapshot(`
      [
        "And",
        "ArgMax",
        "ArgMin",
        "Ceil",
        "Equal",
        "Floor",
        "Greater",
        "GreaterOrEqual",
        "Less",
        "LessOrEqual",
        "Not",
        "OneHot",
        "Or",
        "Range",
        "ReduceProd",
        "ScatterND",
        "Shape",
        "Sign",
        "TakeFirst",
        "TopK",
      ]
    `);
  });
});

describe('broadcasting', () => {
  const dims = fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 0, maxLength: 3 });
  /** Two shapes that broadcast: a common one, with axes of either set to 1 or cut off in front. */
  const pair = fc
    .tuple(dims, fc.infiniteStream(fc.boolean()), fc.integer({ min: 0, max: 3 }), fc.boolean())
    .map(([shape, coins, cut, left]) => {
      const narrowed = () => shape.map((dim) => (coins.next().value ? dim : 1));
      const [a, b] = [narrowed(), narrowed().slice(Math.min(cut, shape.length))];
      return left ? [a, b] : [b, a];
    });

  it.each(['Add', 'Sub', 'Mul', 'Div'] as const)('%s of any two shapes that go together', async (name) => {
    const build = { Add: o.add, Sub: o.sub, Mul: o.mul, Div: o.div }[name];
    const property = fc.asyncProperty(pair, async ([a = [], b = []]) => {
      expect(await gradientError(build, [positive(...a), positive(...b)])).toBeLessThan(1);
    });
    await fc.assert(property, { numRuns: 12, seed: 7 });
  });

  it('MatMul with any batch axes', async () => {
    const property = fc.asyncProperty(pair, async ([a = [], b = []]) => {
      expect(await gradientError(o.matmul, [any(...a, 2, 3), any(...b, 3, 2)])).toBeLessThan(1);
    });
    await fc.assert(property, { numRuns: 8, seed: 7 });
  });
});

describe('tables of more rows than one-hot vectors are worth', () => {
  it('get the gradient by adding rows at their indices', async () => {
    const graph = new Graph();
    const table = graph.input('table', 'float64', [3000, 2]);
    const read = o.gather(table, graph.constant('int32', [4], [2999, 5, 2999, 0]));
    const [gradient] = differentiate(o.reduceSum(o.mul(read, 3)), [table]);
    const names = graph.nodes.map(({ operator }) => operator.name);
    expect(names).toContain('ScatterElements');
    expect(names).not.toContain('OneHot');
    const { g } = await evaluate(
      { g: gradient as Value },
      { table: { shape: [3000, 2], data: new Float64Array(6000) } },
    );
    const rows = [...(g?.data as Float64Array)].flatMap((x, i) => (x === 0 ? [] : [[i, x]]));
    expect(rows).toEqual([
      [0, 3],
      [1, 3],
      [10, 3],
      [11, 3],
      [5998, 6],
      [5999, 6],
    ]);
  });
});

describe('a gradient that does not exist', () => {
  it('names operator, node and a way out', () => {
    const graph = new Graph();
    const x = graph.input('x', 'float32', [4]);
    const best = graph.within('filter', () => o.topK(x, 2).values);
    const ask = () => differentiate(o.reduceSum(best), [x]);
    expect(ask).toThrow(DifferentiationError);
    expect(ask).toThrow(
      'TopK has no gradient, and the loss depends on node filter/TopK_0: ' +
        'take the indices, and gatherElements() at them; or put detach() around its input',
    );
  });

  it('is not asked for behind detach()', () => {
    const graph = new Graph();
    const x = graph.input('x', 'float32', [4]);
    expect(differentiate(o.reduceSum(o.mul(x, o.floor(o.detach(x)))), [x])).toHaveLength(1);
  });

  it('is reported for a parameter that the loss does not depend on', () => {
    const graph = new Graph();
    const [x, y] = [graph.input('x', 'float32', [4]), graph.input('y', 'float32', [4])];
    expect(() => differentiate(o.reduceSum(x), [x, y])).toThrow(
      'the loss does not depend on y: leave it out, or use it',
    );
  });

  it('is reported for a loss that is not a scalar', () => {
    const graph = new Graph();
    const x = graph.input('x', 'float32', [4]);
    expect(() => differentiate(o.exp(x), [x])).toThrow('only a scalar can be differentiated');
  });
});
