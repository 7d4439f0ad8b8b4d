/** @file Every gradient in the operator table against central differences. */
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { DifferentiationError, differentiate } from '../differentiate.js';
import { evaluate } from '../evaluate.js';
import { Graph, isComposite, type Value } from '../graph.js';
import { closeSessions } from '../session.js';
import { caseError } from '../testing/central_differences.js';
import { checks } from '../testing/checks/index.js';
import * as o from './index.js';

afterAll(closeSessions);

/** Random cases of each entry. */
const runs = 10;

describe('the operator table', () => {
  const entries = [...o.operators.values()];
  const differentiable = entries.filter(o.isDifferentiable).map(({ name }) => name);

  it('has a check for every gradient', () => {
    expect(Object.keys(checks).sort()).toEqual(
      [...new Set([...differentiable, ...o.rewrites.keys()])].sort(),
    );
  });

  it.each(Object.entries(checks))('%s agrees with central differences', async (_name, check) => {
    const property = fc.asyncProperty(check, async (checked) => {
      const shapes = checked.specs.map(({ shape }) => `[${shape.join()}]`).join(' ');
      expect(await caseError(checked), `${checked.text} ${shapes}`).toBeLessThan(1);
    });
    await fc.assert(property, { numRuns: runs, seed: 7 });
  });

  it('rewrites operators as entries that it has', () => {
    for (const { parts, name } of o.rewrites.values()) {
      expect(
        parts.filter((part) => !o.operators.has(part)),
        name,
      ).toEqual([]);
    }
  });

  it('says which operators have no gradient, and a way out of each', () => {
    const forwardOnly = entries.filter((entry) => !o.isDifferentiable(entry));
    for (const { gradient } of forwardOnly)
      expect('wayOut' in gradient && gradient.wayOut.length).toBeGreaterThan(20);
    expect(forwardOnly.map(({ name }) => name).sort()).toMatchInlineSnapshot(`
      [
        "And",
        "ArgMax",
        "ArgMin",
        "BitwiseAnd",
        "BitwiseNot",
        "BitwiseOr",
        "BitwiseXor",
        "Ceil",
        "DequantizeLinear",
        "Equal",
        "Floor",
        "GatherBlockQuantized",
        "Greater",
        "GreaterOrEqual",
        "Hardmax",
        "IsInf",
        "IsNaN",
        "Less",
        "LessOrEqual",
        "MatMulInteger",
        "Not",
        "OneHot",
        "Or",
        "Range",
        "Round",
        "Shape",
        "Sign",
        "Size",
        "TakeFirst",
        "Xor",
      ]
    `);
  });

  it('writes each entry under its own name in its own domain', () => {
    for (const entry of entries) {
      if (isComposite(entry)) continue;
      expect(entry.type, entry.name).toMatch(/^[A-Z][A-Za-z0-9]*$/);
    }
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
    const steps = graph.within('filter', () => o.round(x));
    const ask = () => differentiate(o.reduceSum(steps), [x]);
    expect(ask).toThrow(DifferentiationError);
    expect(ask).toThrow(
      'Round has no gradient, and the loss depends on node filter/Round_0: ' +
        'it is flat between its steps: put detach() around its input',
    );
  });

  it('may be missing for some attributes only', () => {
    const graph = new Graph();
    const x = graph.input('x', 'float32', [4]);
    const written = o.scatterElements(
      x,
      graph.constant('int64', [1], [2]),
      graph.constant('float32', [1], [1]),
      0,
      'max',
    );
    expect(() => differentiate(o.reduceSum(written), [x])).toThrow(
      'ScatterElements has no gradient, and the loss depends on node ScatterElements_0: ' +
        'write with the reduction "add" or "none", or put detach() around its inputs',
    );
  });

  it('may be one that cannot be built: where, and why', () => {
    const graph = new Graph();
    const x = graph.input('x', 'float32', ['batch', 4]);
    const rows = o.gather(x, graph.constant('int64', [2], [0, 1]), 0);
    expect(() => differentiate(o.reduceSum(rows), [x])).toThrow(
      /Gather has no gradient, and the loss depends on node Gather_0: give axis 0 of x a fixed size/,
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
