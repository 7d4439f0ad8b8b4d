/** @file Files read at given sizes compute what ONNX Runtime makes of them; what cannot be read says so. */
import { create } from '@bufbuild/protobuf';
import { afterAll, describe, expect, it } from 'vitest';
import { evaluate } from '../evaluate.js';
import { ValueInfoProtoSchema } from '../onnx_pb.js';
import { closeSessions } from '../session.js';
import { readModel, runModel } from '../testing/read-model.js';
import { type SmallModel, type SmallNode, smallNode } from '../testing/small-model.js';
import { type HostTensor, sizeOf } from '../tensor.js';

afterAll(closeSessions);

const floats = (...shape: number[]): HostTensor => ({
  shape,
  data: Float32Array.from({ length: sizeOf(shape) }, (_, i) => Math.sin(7 * i + 1) * 2),
});
const int64 = (...values: number[]): HostTensor => ({
  shape: [values.length],
  data: BigInt64Array.from(values, BigInt),
});
const scalar = (value: number): HostTensor => ({ shape: [], data: BigInt64Array.of(BigInt(value)) });
const flag = (value: boolean): HostTensor => ({
  shape: [],
  data: Uint8Array.of(Number(value)),
  dtype: 'bool',
});

/** Reads a model with everything fed as it is, and runs what was read. */
async function read(
  model: SmallModel,
): Promise<{ results: Record<string, HostTensor>; nodes: readonly string[] }> {
  const { outputs, operators } = await readModel(model);
  return { results: await evaluate(outputs, model.inputs), nodes: operators };
}

async function expectAsOnnxRuntime(model: SmallModel): Promise<void> {
  const expected = await runModel(model);
  const { results } = await read(model);
  for (const [name, { shape, data }] of Object.entries(expected)) {
    const actual = results[name] as HostTensor;
    expect(actual.shape, name).toEqual(shape);
    Array.from(data, Number).forEach((value, i) => expect(Number(actual.data[i])).toBeCloseTo(value, 5));
  }
}

const one = (
  type: string,
  opset: number,
  inputs: Record<string, HostTensor | 'none'>,
  rest: Partial<SmallNode> & { constants?: Record<string, HostTensor> } = {},
): SmallModel => {
  const { constants = {}, ...node } = rest;
  const names = [...Object.keys(inputs), ...Object.keys(constants)];
  return {
    opset,
    inputs: inputs as Record<string, HostTensor>,
    initializers: constants,
    nodes: [{ type, inputs: names, outputs: ['y'], ...node }],
    outputs: node.outputs === undefined ? ['y'] : [...node.outputs],
  };
};

/** Each operator in the forms that it has had. */
const forms: Record<string, SmallModel> = {
  'Squeeze by attribute': one('Squeeze', 11, { x: floats(1, 3, 1) }, { attributes: { axes: [0] } }),
  'Squeeze by input': one('Squeeze', 13, { x: floats(1, 3, 1) }, { constants: { axes: int64(-1) } }),
  'Squeeze of everything': one('Squeeze', 13, { x: floats(1, 3, 1) }),
  'Unsqueeze by attribute': one('Unsqueeze', 11, { x: floats(3, 2) }, { attributes: { axes: [0, 3] } }),
  'Unsqueeze by input': one('Unsqueeze', 13, { x: floats(3, 2) }, { constants: { axes: int64(-1, 0) } }),
  'ReduceSum by attribute': one(
    'ReduceSum',
    11,
    { x: floats(2, 3, 4) },
    { attributes: { axes: [1], keepdims: 0 } },
  ),
  'ReduceSum by input': one('ReduceSum', 13, { x: floats(2, 3, 4) }, { constants: { axes: int64(-1) } }),
  'ReduceSum of everything': one('ReduceSum', 13, { x: floats(2, 3) }, { attributes: { keepdims: 0 } }),
  'ReduceSum of nothing': one(
    'ReduceSum',
    13,
    { x: floats(2, 3) },
    { attributes: { noop_with_empty_axes: 1 } },
  ),
  'ReduceMean by attribute': one('ReduceMean', 17, { x: floats(2, 3) }, { attributes: { axes: [-1] } }),
  'ReduceMean by input': one('ReduceMean', 18, { x: floats(2, 3) }, { constants: { axes: int64(0) } }),
  ReduceL2: one('ReduceL2', 18, { x: floats(2, 3) }, { constants: { axes: int64(1) } }),
  'Softmax over what is left': one('Softmax', 11, { x: floats(2, 3, 4) }, { attributes: { axis: 1 } }),
  'Softmax of one axis': one('Softmax', 13, { x: floats(2, 3, 4) }, { attributes: { axis: 1 } }),
  'Slice by attribute': one(
    'Slice',
    9,
    { x: floats(4, 5) },
    { attributes: { starts: [1, -3], ends: [3, 100] } },
  ),
  'Slice from the back': one(
    'Slice',
    13,
    { x: floats(4, 5) },
    { constants: { s: int64(-2), e: int64(-1), a: int64(1) } },
  ),
  'Slice in steps': one(
    'Slice',
    13,
    { x: floats(4, 7) },
    { constants: { s: int64(1), e: int64(6), a: int64(1), t: int64(2) } },
  ),
  'Slice backwards': one(
    'Slice',
    13,
    { x: floats(4, 7) },
    { constants: { s: int64(-1), e: int64(-1000), a: int64(0), t: int64(-1) } },
  ),
  'Slice backwards in steps': one(
    'Slice',
    13,
    { x: floats(4, 7) },
    { constants: { s: int64(5), e: int64(0), a: int64(1), t: int64(-2) } },
  ),
  'Split by attribute': one(
    'Split',
    11,
    { x: floats(2, 5) },
    { attributes: { axis: 1, split: [2, 3] }, outputs: ['y', 'z'] },
  ),
  'Split by input': one(
    'Split',
    13,
    { x: floats(2, 5) },
    { constants: { sizes: int64(4, 1) }, attributes: { axis: 1 }, outputs: ['y', 'z'] },
  ),
  'Split into equal parts': one(
    'Split',
    13,
    { x: floats(2, 4) },
    { attributes: { axis: -1 }, outputs: ['y', 'z'] },
  ),
  'Split into a number of parts': one(
    'Split',
    18,
    { x: floats(2, 5) },
    { attributes: { axis: 1, num_outputs: 2 }, outputs: ['y', 'z'] },
  ),
  'Reshape with 0 and −1': one('Reshape', 14, { x: floats(2, 3, 4) }, { constants: { shape: int64(0, -1) } }),
  Flatten: one('Flatten', 13, { x: floats(2, 3, 4) }, { attributes: { axis: 2 } }),
  'Transpose without an order': one('Transpose', 13, { x: floats(2, 3, 4) }),
  'Expand to fewer axes than there are': one(
    'Expand',
    13,
    { x: floats(2, 1, 4) },
    { constants: { shape: int64(3, 1) } },
  ),
  'Concat with nothing': one(
    'Concat',
    13,
    { x: floats(2, 3) },
    { constants: { past: floats(2, 0) }, attributes: { axis: 1 } },
  ),
  'Gather of one element': one(
    'Gather',
    13,
    { x: floats(2, 3, 4) },
    { constants: { i: scalar(-1) }, attributes: { axis: 1 } },
  ),
  'Gather by rows': one('Gather', 13, {
    x: floats(5, 2),
    i: { shape: [2, 2], data: BigInt64Array.of(4n, 0n, -1n, 2n) },
  }),
  GatherElements: one(
    'GatherElements',
    13,
    { x: floats(2, 3), i: { shape: [2, 2], data: BigInt64Array.of(2n, 0n, -1n, 1n) } },
    { attributes: { axis: 1 } },
  ),
  'Pow by a whole number': one('Pow', 15, { x: floats(6) }, { constants: { p: scalar(3) } }),
  'MatMul of vectors': one('MatMul', 13, { a: floats(3), b: floats(3) }),
  'MatMul with a vector': one('MatMul', 13, { a: floats(2, 4, 3), b: floats(3) }),
  'MatMul of a vector': one('MatMul', 13, { a: floats(3), b: floats(2, 3, 4) }),
  'MatMul with leading axes': one('MatMul', 13, { a: floats(2, 4, 3), b: floats(3, 5) }),
  'Gemm transposed and scaled': one(
    'Gemm',
    13,
    { a: floats(3, 2), b: floats(4, 3), c: floats(4) },
    { attributes: { transA: 1, transB: 1, alpha: { float: 0.5 }, beta: { float: 2 } } },
  ),
  'LayerNormalization over two axes': one(
    'LayerNormalization',
    17,
    { x: floats(2, 3, 4), w: floats(3, 4), b: floats(3, 4) },
    { attributes: { axis: 1, epsilon: { float: 1e-3 } } },
  ),
  'LayerNormalization without bias': one('LayerNormalization', 17, { x: floats(2, 4), w: floats(4) }),
  'Clip by attribute': one(
    'Clip',
    6,
    { x: floats(6) },
    { attributes: { min: { float: -0.5 }, max: { float: 1 } } },
  ),
  'Dropout that predicts': one('Dropout', 13, { x: floats(6) }),
  'Sum of three': one('Sum', 13, { a: floats(2, 3), b: floats(3), c: floats(2, 1) }),
  CastLike: one('CastLike', 15, { x: scalar(3), like: floats(2) }),
  'Pad by attribute': one(
    'Pad',
    2,
    { x: floats(2, 3) },
    { attributes: { pads: [0, 1, 0, 2], value: { float: 0.5 } } },
  ),
  'keys turned and scaled': {
    opset: 17,
    inputs: { q: floats(2, 3, 2, 4), k: floats(2, 3, 2, 4) },
    initializers: { scale: { shape: [], data: Float32Array.of(0.5) } },
    nodes: [
      { type: 'Transpose', inputs: ['q'], outputs: ['qt'], attributes: { perm: [0, 2, 1, 3] } },
      { type: 'Transpose', inputs: ['k'], outputs: ['kt'], attributes: { perm: [0, 2, 3, 1] } },
      { type: 'Mul', inputs: ['kt', 'scale'], outputs: ['ks'] },
      { type: 'MatMul', inputs: ['qt', 'ks'], outputs: ['y'] },
    ],
    outputs: ['y'],
  },
};

describe('every form of an operator computes what ONNX Runtime makes of it', () => {
  it.each(Object.keys(forms))('%s', async (name) => {
    await expectAsOnnxRuntime(forms[name] as SmallModel);
  });
});

describe('what depends on sizes alone', () => {
  it('is folded away, however it is computed', async () => {
    const model: SmallModel = {
      opset: 17,
      inputs: { x: floats(2, 3, 4) },
      initializers: { first: scalar(0), zero: int64(0), rest: int64(-1), three: scalar(3) },
      nodes: [
        { type: 'Shape', inputs: ['x'], outputs: ['shape'] },
        { type: 'Gather', inputs: ['shape', 'first'], outputs: ['rows'] },
        { type: 'Mul', inputs: ['rows', 'three'], outputs: ['triple'] },
        { type: 'Unsqueeze', inputs: ['triple', 'zero'], outputs: ['axis'] },
        { type: 'Concat', inputs: ['axis', 'rest'], outputs: ['target'], attributes: { axis: 0 } },
        { type: 'Reshape', inputs: ['x', 'target'], outputs: ['y'] },
      ],
      outputs: ['y'],
    };
    const { results, nodes } = await read(model);
    expect((results['y'] as HostTensor).shape).toEqual([6, 4]);
    expect(nodes).toEqual(['Reshape']);
    await expectAsOnnxRuntime(model);
  });

  it('may be what ONNX Runtime alone can compute', async () => {
    const model: SmallModel = {
      opset: 17,
      inputs: { x: floats(3, 3) },
      initializers: { k: scalar(0) },
      nodes: [
        { type: 'Shape', inputs: ['x'], outputs: ['shape'] },
        {
          type: 'ConstantOfShape',
          inputs: ['shape'],
          outputs: ['ones'],
          attributes: { value: { shape: [1], data: Float32Array.of(1) } },
        },
        { type: 'Trilu', inputs: ['ones', 'k'], outputs: ['mask'], attributes: { upper: 0 } },
        { type: 'Mul', inputs: ['x', 'mask'], outputs: ['y'] },
      ],
      outputs: ['y'],
    };
    expect((await read(model)).nodes).toEqual(['Mul']);
    await expectAsOnnxRuntime(model);
  });

  it('decides which branch of an If is read', async () => {
    const branch = (type: string) => ({
      name: type,
      node: [smallNode({ type, inputs: ['x'], outputs: [`${type}-y`] })],
      output: [create(ValueInfoProtoSchema, { name: `${type}-y` })],
    });
    for (const value of [true, false]) {
      const model: SmallModel = {
        opset: 17,
        inputs: { x: floats(3) },
        initializers: { condition: flag(value) },
        nodes: [
          {
            type: 'If',
            inputs: ['condition'],
            outputs: ['y'],
            attributes: { then_branch: branch('Abs'), else_branch: branch('Neg') },
          },
        ],
        outputs: ['y'],
      };
      expect((await read(model)).nodes).toEqual([value ? 'Abs' : 'Neg']);
      await expectAsOnnxRuntime(model);
    }
  });
});

describe('nodes', () => {
  it('may stand behind those that read from them', async () => {
    const model: SmallModel = {
      opset: 17,
      inputs: { x: floats(3) },
      nodes: [
        { type: 'Neg', inputs: ['middle'], outputs: ['y'] },
        { type: 'Abs', inputs: ['x'], outputs: ['middle'] },
      ],
      outputs: ['y'],
    };
    await expectAsOnnxRuntime(model);
  });

  it('that nobody asks for cost nothing', async () => {
    const model: SmallModel = {
      opset: 17,
      inputs: { x: floats(3) },
      nodes: [
        { type: 'Abs', inputs: ['x'], outputs: ['y'] },
        { type: 'NonZero', inputs: ['x'], outputs: ['unread'] },
      ],
      outputs: ['y'],
    };
    expect((await read(model)).nodes).toEqual(['Abs']);
  });
});

describe('what cannot be read', () => {
  const complaint = async (model: SmallModel): Promise<string> => {
    const error: unknown = await read(model).catch((reason: unknown) => reason);
    expect(error).toHaveProperty('name', 'UserError');
    return (error as Error).message;
  };

  it('is an operator without an entry: it is named, with its domain, its node, and a way out', async () => {
    const model = one(
      'BiasSoftmax',
      17,
      { x: floats(2, 3), bias: floats(2, 3) },
      { domain: 'com.microsoft', name: '/layer.0/odd' },
    );
    const message = await complaint(model);
    expect(message).toMatch(/"\/layer\.0\/odd"/);
    expect(message).toMatch(/BiasSoftmax/);
    expect(message).toMatch(/com\.microsoft/);
    expect(message).toMatch(/export the model/);
  });

  it('is a size that depends on what is fed', async () => {
    const message = await complaint(
      one('Reshape', 14, { x: floats(6), shape: int64(2, 3) }, { name: 'odd' }),
    );
    expect(message).toMatch(/node "odd" \(Reshape\)/);
    expect(message).toMatch(/depends on what is fed/);
  });

  it('is an If whose condition depends on what is fed', async () => {
    const branch = { name: 'b', node: [], output: [] };
    const model: SmallModel = {
      opset: 17,
      inputs: { x: floats(3), condition: flag(true) },
      nodes: [
        {
          type: 'If',
          name: 'odd',
          inputs: ['condition'],
          outputs: ['y'],
          attributes: { then_branch: branch, else_branch: branch },
        },
      ],
      outputs: ['y'],
    };
    expect(await complaint(model)).toMatch(/node "odd" \(If\): which branch is taken depends on what is fed/);
  });

  it('is a pair of shapes that do not go together', async () => {
    const message = await complaint(one('Add', 14, { a: floats(2), b: floats(3) }, { name: 'odd' }));
    expect(message).toMatch(/node "odd" \(Add\)/);
    expect(message).toMatch(/float32\[2\]/);
  });
});
