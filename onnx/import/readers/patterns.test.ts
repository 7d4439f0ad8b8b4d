/** @file What exporters write out is recognised, computes the same, and has the same gradient. */
import { afterAll, describe, expect, it } from 'vitest';
import { differentiate } from '../../differentiate.js';
import { evaluate } from '../../evaluate.js';
import type { Value } from '../../graph.js';
import { closeSessions } from '../../session.js';
import { readModel, runModel } from '../../testing/read-model.js';
import type { SmallModel, SmallNode } from '../../testing/small-model.js';
import { type HostTensor, sizeOf } from '../../tensor.js';
import { mul, reduceSum } from '../../operators/index.js';

afterAll(closeSessions);

const floats = (...shape: number[]): HostTensor => ({
  shape,
  data: Float32Array.from({ length: sizeOf(shape) }, (_, i) => Math.sin(7 * i + 1) * 2),
});
const number = (value: number): HostTensor => ({ shape: [], data: Float32Array.of(value) });
const initializers = {
  half: number(0.5),
  one: number(1),
  three: number(3),
  two: number(2),
  root2: number(Math.SQRT2),
  cubic: number(0.044715),
  factor: number(Math.sqrt(2 / Math.PI)),
  epsilon: number(1e-5),
  last: { shape: [1], data: BigInt64Array.of(-1n) },
  infinity: number(-Infinity),
  zero: number(0),
};

/** Steps as `output = Type input input`. */
function model(
  inputs: Record<string, HostTensor>,
  steps: string,
  rest: Partial<SmallModel> = {},
): SmallModel {
  const nodes = steps
    .trim()
    .split('\n')
    .map((step): SmallNode => {
      const [output, , type, ...names] = step.trim().split(/\s+/) as [string, string, string];
      return { type, inputs: names, outputs: [output] };
    });
  return { opset: 18, inputs, initializers, nodes, outputs: ['y'], ...rest };
}

const x = floats(3, 4);
const erfGate = 'd = Div x root2\ne = Erf d\ng = Add e one\n';
const tanhGate =
  'p = Pow x three\nc = Mul p cubic\ns = Add x c\nf = Mul s factor\nt = Tanh f\ng = Add t one\n';
const rms = 'sq = Pow x two\nm = ReduceMean sq last\na = Add m epsilon\nr = Sqrt a\n';

/** Written-out functions, and what they are read as. */
const cases: Record<string, [model: SmallModel, operator: string, parts: string[]]> = {
  'GELU, x·(1 + erf)·½': [model({ x }, `${erfGate}p = Mul x g\ny = Mul p half`), 'Erf', ['Div']],
  'GELU, (x·½)·(1 + erf)': [model({ x }, `${erfGate}p = Mul x half\ny = Mul p g`), 'Erf', ['Div']],
  'GELU by tanh, (x·½)·(1 + tanh)': [
    model({ x }, `${tanhGate}h = Mul x half\ny = Mul h g`),
    'Gelu',
    ['Tanh'],
  ],
  'GELU by tanh, ½·(x·(1 + tanh))': [
    model({ x }, `${tanhGate}h = Mul g x\ny = Mul half h`),
    'Gelu',
    ['Tanh'],
  ],
  SiLU: [model({ x }, 's = Sigmoid x\ny = Mul x s'), 'Sigmoid', []],
  'RMS norm by division': [
    model({ x, w: floats(4) }, `${rms}i = Div one r\nn = Mul x i\ny = Mul w n`),
    'ReduceMean',
    ['Div'],
  ],
  'RMS norm by reciprocal': [
    model({ x, w: floats(4) }, `${rms}i = Reciprocal r\nn = Mul i x\ny = Mul n w`),
    'ReduceMean',
    [],
  ],
};

async function numbers(value: Value, feeds: Record<string, HostTensor>): Promise<number[]> {
  return Array.from(((await evaluate({ value }, feeds))['value'] as HostTensor).data, Number);
}

/** Σ output · weight, the weight some numbers that differ. */
function weighted(output: Value): Value {
  const { shape, data } = floats(...(output.shape as number[]));
  return reduceSum(mul(output, output.graph.constant('float32', shape, data)));
}

async function weightedSum(of: SmallModel): Promise<number> {
  const { data, shape } = (await runModel(of))['y'] as HostTensor;
  const weights = floats(...shape).data as Float32Array;
  return (data as Float32Array).reduce((sum, value, i) => sum + value * (weights[i] as number), 0);
}

describe('a function that is written out', () => {
  it.each(Object.keys(cases))('%s', async (name) => {
    const [written, operator, absent] = cases[name] as [SmallModel, string, string[]];
    const { inputs, outputs, operators } = await readModel(written);
    expect(operators).toContain(operator);
    for (const part of absent) expect(operators).not.toContain(part);

    const y = outputs['y'] as Value;
    const expected = Array.from(((await runModel(written))['y'] as HostTensor).data, Number);
    (await numbers(y, written.inputs)).forEach((value, i) =>
      expect(value).toBeCloseTo(expected[i] as number, 5),
    );

    // Central differences of the file as ONNX Runtime runs it.
    const [gradient] = differentiate(weighted(y), [inputs['x'] as Value]);
    const slopes = await numbers(gradient as Value, written.inputs);
    const step = 1e-2;
    for (const at of [0, 5, 11]) {
      const moved = (by: number) => {
        const data = Float32Array.from(x.data as Float32Array);
        data[at] = (data[at] as number) + by;
        return weightedSum({ ...written, inputs: { ...written.inputs, x: { shape: x.shape, data } } });
      };
      const difference = ((await moved(step)) - (await moved(-step))) / (2 * step);
      expect(slopes[at]).toBeCloseTo(difference, 2);
    }
  });
});

describe('attention over rows that see no key', () => {
  const mask: HostTensor = {
    shape: [1, 1, 3, 3],
    data: Float32Array.from([-Infinity, -Infinity, -Infinity, 0, 0, -Infinity, 0, 0, 0]),
  };
  const q = floats(1, 2, 3, 4);
  const written: SmallModel = {
    opset: 18,
    inputs: { q, v: floats(1, 2, 3, 4), mask },
    initializers,
    nodes: [
      { type: 'Transpose', inputs: ['q'], outputs: ['k'], attributes: { perm: [0, 1, 3, 2] } },
      { type: 'MatMul', inputs: ['q', 'k'], outputs: ['scores'] },
      { type: 'Add', inputs: ['scores', 'mask'], outputs: ['masked'] },
      { type: 'Softmax', inputs: ['masked'], outputs: ['p'], attributes: { axis: -1 } },
      { type: 'IsNaN', inputs: ['p'], outputs: ['none'] },
      { type: 'Where', inputs: ['none', 'zero', 'p'], outputs: ['kept'] },
      { type: 'MatMul', inputs: ['kept', 'v'], outputs: ['y'] },
    ],
    outputs: ['y'],
  };

  it('puts out zeros there, and gradients are numbers everywhere', async () => {
    const { inputs, outputs } = await readModel(written);
    const y = outputs['y'] as Value;
    const expected = Array.from(((await runModel(written))['y'] as HostTensor).data, Number);
    const actual = await numbers(y, written.inputs);
    expect(actual.slice(0, 4)).toEqual([0, 0, 0, 0]);
    actual.forEach((value, i) => expect(value).toBeCloseTo(expected[i] as number, 5));

    const gradients = differentiate(weighted(y), [inputs['q'] as Value, inputs['v'] as Value]);
    for (const gradient of gradients) {
      const slopes = await numbers(gradient, written.inputs);
      expect(slopes.every(Number.isFinite)).toBe(true);
      expect(slopes.some((slope) => slope !== 0)).toBe(true);
    }
  });
});
