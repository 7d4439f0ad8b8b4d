import { describe, expect, it } from 'vitest';
import { parseDevice } from './device.js';
import type { NamedValues } from './encode.js';
import { evaluate, evaluator } from './evaluate.js';
import { Graph, type Value } from './graph.js';
import { lowered, lowerings } from './lowering.js';
import { add, concat, fusedMatmul, logSoftmax, mul, oneHot, sign, split, Sum } from './operators/index.js';
import { prune } from './prune.js';
import { hasSwiftShader, onSwiftShader } from './testing/swiftshader.js';

const x = { shape: [2, 3, 4], data: Float32Array.from({ length: 24 }, (_, i) => Math.sin(i * 1.7)) };
const feeds = { x, i: { shape: [2, 3], data: Int32Array.of(0, 4, 2, 1, 1, 3) } };

/** Name of the lowered operator → a graph with it. */
const cases: Record<string, (x: Value, i: Value) => Value> = {
  FusedMatMul: (a) =>
    add(fusedMatmul(a, a, { transB: true, alpha: 0.5 }), fusedMatmul(a, a, { transB: true })),
  LogSoftmax: (a) => logSoftmax(a, 1),
  OneHot: (_a, i) => oneHot(i, 5),
  Sum: (a) => a.graph.emitOne(Sum, [a, a, a.graph.scalar(1)], {}),
  Sign: (a) => sign(a),
  Concat: (a) =>
    concat(
      Array.from({ length: 20 }, (_, i) => mul(a, i)),
      1,
    ),
  Split: (a) => {
    const parts = split(
      concat(
        Array.from({ length: 20 }, () => a),
        0,
      ),
      0,
      Array.from({ length: 40 }, () => 1),
    );
    return parts.map((part, i) => mul(part, i)).reduce((sum, part) => add(sum, part));
  },
};

function build(make: (x: Value, i: Value) => Value) {
  const graph = new Graph();
  const inputs = [graph.input('x', 'float32', x.shape), graph.input('i', 'int32', [2, 3])] as const;
  return { inputs, outputs: { y: make(...inputs) } };
}

function operatorsOf(outputs: NamedValues): string[] {
  const { y } = outputs as { y: Value };
  return prune(y.graph, [y]).nodes.map(({ operator }) => operator.name);
}

/** How many tensors a node of that name joins or makes at most: WebGPU has eight buffers for it. */
function widest(outputs: NamedValues, name: string): number {
  const { y } = outputs as { y: Value };
  const nodes = prune(y.graph, [y]).nodes.filter(({ operator }) => operator.name === name);
  return Math.max(...nodes.map((node) => (name === 'Concat' ? node.inputs : node.outputs).length));
}

it('every lowering is tested', () => {
  expect(Object.keys(cases).sort()).toEqual(Object.keys(lowerings.webgpu).sort());
});

describe.each(Object.entries(cases))('%s for WebGPU', (name, make) => {
  it('is gone, and what stands for it computes the same', async () => {
    const { inputs, outputs } = build(make);
    const other = lowered(inputs, outputs, 'webgpu');
    expect(operatorsOf(outputs)).toContain(name);
    if (name === 'Concat' || name === 'Split') expect(widest(other.outputs, name)).toBeLessThanOrEqual(7);
    else expect(operatorsOf(other.outputs)).not.toContain(name);
    const [expected, got] = [await evaluate(outputs, feeds), await evaluate(other.outputs, feeds)];
    expect(got['y']?.shape).toEqual(expected['y']?.shape);
    got['y']?.data.forEach((value, i) => expect(value).toBeCloseTo(Number(expected['y']?.data[i]), 5));
  });
});

it('no product comes back as what it was, not even of shapes that a CPU multiplies the other way round', () => {
  const graph = new Graph();
  const [a, b] = [graph.input('a', 'float32', [4, 300]), graph.input('b', 'float32', [300, 64])];
  const { outputs } = lowered([a, b], { y: fusedMatmul(a, b) }, 'webgpu');
  expect(operatorsOf(outputs)).not.toContain('FusedMatMul');
});

it('a graph that a device can run as it is stays as it is', () => {
  const { inputs, outputs } = build(cases['LogSoftmax'] as (x: Value) => Value);
  expect(lowered(inputs, outputs, 'cpu').outputs).toBe(outputs);
});

describe.runIf(hasSwiftShader)('on WebGPU itself, in software', () => {
  onSwiftShader();

  it.each(Object.keys(cases))('%s', async (name) => {
    const { inputs, outputs } = build(cases[name] as (x: Value, i: Value) => Value);
    const other = lowered(inputs, outputs, 'webgpu').outputs;
    const ready = await evaluator(other, parseDevice('webgpu'));
    const [expected, got] = [await evaluate(outputs, feeds), await ready.run(feeds)];
    await ready.release();
    got['y']?.data.forEach((value, i) => expect(value).toBeCloseTo(Number(expected['y']?.data[i]), 5));
  });
});
