/** @file Shape inference against what ONNX Runtime produces; what a graph refuses; what is left out of a file. */
import { fromBinary } from '@bufbuild/protobuf';
import { afterAll, describe, expect, it } from 'vitest';
import { differentiate } from './differentiate.js';
import { encodeGraph, encodeModel } from './encode.js';
import { evaluate } from './evaluate.js';
import { Graph, isComposite, type Value } from './graph.js';
import { ModelProtoSchema } from './onnx_pb.js';
import * as o from './operators/index.js';
import { prune } from './prune.js';
import { closeSessions } from './session.js';
import { dtypeOf } from './tensor.js';

afterAll(closeSessions);

/** Every operator of the table in one graph: [batch, length] token ids and [batch, length, 4] numbers in. */
function everyOperator(graph: Graph, dim: (name: string, size: number) => string | number): Value {
  const [batch, length] = [dim('batch', 2), dim('length', 3)];
  const x = graph.input('x', 'float32', [batch, length, 4]);
  const ids = graph.input('ids', 'int32', [batch, length]);
  const table = graph.constant(
    'float32',
    [5, 4],
    Array.from({ length: 20 }, (_, i) => i / 10 - 1),
  );
  const square = graph.constant(
    'float32',
    [4, 4],
    Array.from({ length: 16 }, (_, i) => (i % 5) / 5),
  );
  const ones = graph.constant('float32', [4], [1, 1, 1, 1]);
  const embedded = o.add(o.gather(table, ids), x); // [batch, length, 4]
  const normed = o.layerNorm(embedded, ones, ones);
  const rows = o.reshape(normed, [typeof batch === 'number' ? 6 : 'batch·length', 4]);
  const layer = o.scaledGelu(o.linear(rows, square, ones, 0.5));
  const apart = o.transpose(o.reshape(layer, [batch, length, 2, 2]), [0, 2, 1, 3]); // [batch, 2, length, 2]
  const scores = o.softmax(o.fusedMatmul(apart, apart, { transB: true })); // [batch, 2, length, length]
  const mixed = o.reduceMean(o.matmul(scores, apart), [1, 3]); // [batch, length]
  const parts = o.split(o.concat([o.slice(x, 2, 1, 3), x], -1), -1, [1, 5]); // 1 and 5 of 6
  const most = o.topK(parts[1] as Value, 2);
  const chosen = o.gatherElements(
    parts[1] as Value,
    o.gather(most.indices, ids.graph.constant('int64', [1], [0]), 2),
    2,
  );
  const smooth = o.tanh(o.sigmoid(o.sqrt(o.abs(o.exp(o.sin(o.cos(o.erf(chosen))))))));
  const steps = o.sign(o.add(o.floor(smooth), o.ceil(o.relu(o.neg(smooth)))));
  const safe = o.max(o.min(o.pow(o.add(smooth, 1), 2), 3), 0.5);
  const ratio = o.log(o.div(o.reciprocal(safe), o.sub(safe, 9)));
  const both = o.and(o.less(safe, 2), o.or(o.not(o.equal(safe, 1)), o.lessOrEqual(safe, 1)));
  const picked = o.where(
    both,
    steps,
    o.where(o.greater(safe, 1), 0, o.cast(o.greaterOrEqual(safe, 2), 'float32')),
  );
  const best = o.add(o.cast(o.argMax(x), 'float32'), o.cast(o.argMin(x), 'float32')); // [batch, length]
  const hot = o.reduceMax(o.oneHot(ids, 5), [2]);
  const losses = o.reshape(o.crossEntropy(rows, o.reshape(ids, [rows.shape[0] as string | number])), [
    batch,
    length,
  ]);
  const position = o.range(graph, graph.scalar(3, 'int64'), length);
  const unique = o.gatherUnique(rows, graph.constant('int64', [2], [1, 0])); // [2, 4]
  const written = o.scatterND(
    o.scatterElements(
      unique,
      graph.constant('int64', [1, 4], [1, 0, 1, 0]),
      o.slice(unique, 0, 0, 1),
      0,
      'add',
    ),
    graph.constant('int64', [1, 1], [1]),
    o.slice(unique, 0, 0, 1),
  );
  const [wide, tall] = [
    [2, 130],
    [130, 4],
  ].map((shape) => o.expand(graph.scalar(0.01), shape)) as [Value, Value];
  const few = o.reduceMin(o.logSoftmax(o.gemm(written, square, o.gemm(wide, tall, ones))), [0]);
  const column = o.reshape(o.add(picked, o.mul(o.detach(ratio), 0)), [batch, length]);
  const spread = o.mul(
    o.expand(o.reduceSum(o.takeFirst(o.reshape(best, [batch, length]), 1, length), [1], true), [
      batch,
      length,
    ]),
    0.1,
  );
  const sum = [mixed, column, spread, hot, losses].reduce((a, b) => o.add(a, b));
  return o.add(o.reduceSum(o.mul(sum, o.cast(position, 'float32'))), o.mul(o.reduceSumSquare(few), 1e-3));
}

const feeds = {
  x: { shape: [2, 3, 4], data: Float32Array.from({ length: 24 }, (_, i) => Math.sin(i * 7)) },
  ids: { shape: [2, 3], data: Int32Array.of(0, 3, 2, 2, 1, 3) },
};
const sizes: Record<string, number> = { batch: 2, length: 3 };

describe('shape inference', () => {
  it.each([
    ['of fixed sizes', (_name: string, size: number) => size],
    ['of named sizes', (name: string) => name],
  ])('says what ONNX Runtime produces, for a graph %s, value by value', async (_what, dim) => {
    const graph = new Graph();
    everyOperator(graph, dim);
    const values = graph.nodes
      .filter(({ operator }) => !isComposite(operator))
      .flatMap(({ outputs }) => outputs);
    const outputs = Object.fromEntries(values.map((value, i) => [`output${i}`, value]));
    const results = await evaluate(outputs, feeds);
    values.forEach((value, i) => {
      const { shape, data } = results[`output${i}`] as (typeof results)[string];
      const known = value.shape.map((size) => {
        return String(size)
          .split('·')
          .reduce((product, part) => product * (sizes[part] ?? Number(part)), 1);
      });
      expect({ name: value.name, shape, dtype: dtypeOf(data) }).toEqual({
        name: value.name,
        shape: known,
        dtype: value.dtype,
      });
    });
  });

  it('holds for gradients too', async () => {
    const graph = new Graph();
    const w = graph.input('w', 'float32', [4, 4]);
    const x = graph.input('x', 'float32', [6, 4]);
    const y = o.layerNorm(o.linear(x, w), o.reduceMean(w, [0]), o.reduceMax(w, [1]));
    const [dw, dx] = differentiate(o.reduceSum(o.softmax(o.scaledGelu(y))), [w, x]) as [Value, Value];
    const results = await evaluate(
      { dw, dx },
      {
        w: { shape: [4, 4], data: new Float32Array(16).fill(0.5) },
        x: { shape: [6, 4], data: new Float32Array(24) },
      },
    );
    expect([results['dw']?.shape, results['dx']?.shape]).toEqual([
      [4, 4],
      [6, 4],
    ]);
  });
});

describe('a graph refuses, naming operator, node and what it was given', () => {
  const graph = new Graph();
  const a = graph.input('a', 'float32', ['batch', 3]);
  const b = graph.input('b', 'float32', [2, 4]);
  const whole = graph.input('whole', 'int64', [3]);

  it.each<[string, () => unknown, string]>([
    [
      'shapes that do not broadcast',
      () => o.add(a, b),
      'Add (node Add_0): [batch, 3] and [2, 4] do not broadcast: batch against 2; its inputs are a: float32[batch, 3]; b: float32[2, 4]',
    ],
    ['a named size against a number', () => o.add(a, o.reshape(b, [8, 1])), 'batch against 8'],
    ['different element types', () => o.mul(a, whole), 'float32 and int64 are different element types'],
    ['products of unequal inner sizes', () => o.matmul(b, b), '[2, 4] · [2, 4]: 4 ≠ 2'],
    [
      'a reshape to another number of elements',
      () => o.reshape(b, [3, 3]),
      '[2, 4] does not hold the elements of [3, 3]',
    ],
    ['an axis that is not there', () => o.reduceSum(b, [2]), 'axis 2 does not exist in a tensor of rank 2'],
    ['indices that are not whole', () => o.gather(b, a), 'indices are float32'],
    ['a range outside of an axis', () => o.slice(b, 1, 2, 9), '2…9 is not a range of an axis of size 4'],
    [
      'values of another graph',
      () => o.add(new Graph().input('z', 'float32', []), a),
      'belongs to another graph',
    ],
    ['a second input of a name', () => graph.input('a', 'int64', []), 'already has an input named "a"'],
    [
      'constants that do not fill their shape',
      () => graph.constant('float32', [3], [1, 2]),
      '2 elements do not make',
    ],
  ])('%s', (_what, build, message) => {
    expect(build).toThrow(message);
  });
});

describe('what is written', () => {
  it('is only what the outputs depend on', () => {
    const graph = new Graph();
    const x = graph.input('x', 'float32', [2]);
    const unused = graph.input('unused', 'float32', [2]);
    const kept = o.mul(o.exp(x), graph.scalar(3));
    o.log(o.add(unused, graph.scalar(5)));
    const live = prune(graph, [kept]);
    expect(live.nodes.map(({ operator }) => operator.name)).toEqual(['Exp', 'Mul']);
    expect(live.constants.map(({ data }) => Number(data?.[0]))).toEqual([3]);
    expect([...live.inputs]).toEqual([x]);
  });

  it('names nodes by where in the model they stand', () => {
    const graph = new Graph();
    const x = graph.input('x', 'float32', [2]);
    const y = graph.within('block0', () => graph.within('mlp', () => o.exp(x)));
    const { graph: file } = fromBinary(ModelProtoSchema, encodeModel(encodeGraph('test', [x], { y })));
    expect(file?.node.map(({ name, output }) => [name, output])).toEqual([['block0/mlp/Exp_0', ['y']]]);
  });

  it('gives inputs, constants and what has two names their own outputs', async () => {
    const graph = new Graph();
    const x = graph.input('x', 'float32', [1]);
    const y = o.exp(x);
    const results = await evaluate(
      { first: y, second: y, third: o.neg(y), input: x, constant: graph.scalar(7) },
      { x: { shape: [1], data: Float32Array.of(0) } },
    );
    const numbers = Object.entries(results).map(([name, { data }]) => [name, Number(data[0])]);
    expect(numbers).toEqual([
      ['first', 1],
      ['second', 1],
      ['third', -1],
      ['input', 0],
      ['constant', 7],
    ]);
  });

  it('is the same for the same graph, byte for byte', () => {
    const bytes = () => {
      const graph = new Graph();
      const y = everyOperator(graph, (name) => name);
      return encodeModel(encodeGraph('test', graph.inputs, { y }));
    };
    expect(Buffer.compare(bytes(), bytes())).toBe(0);
  });
});
