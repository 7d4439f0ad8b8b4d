/** @file Functions of a file put in the place of their calls: ONNX Runtime computes the same with and without. */
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { valueInfo } from '../../encode.js';
import {
  AttributeProto_AttributeType as AttributeType,
  AttributeProtoSchema,
  type FunctionProto,
  FunctionProtoSchema,
  type GraphProto,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
} from '../../onnx_pb.js';
import { inlineFunctions } from './functions.js';

type Attribute = MessageInitShape<typeof AttributeProtoSchema>;

const node = (opType: string, input: string[], output: string[], attribute: Attribute[] = [], domain = '') =>
  create(NodeProtoSchema, {
    opType,
    input,
    output,
    domain,
    attribute: attribute.map((a) => create(AttributeProtoSchema, a)),
  });
const own = (name: string, input: string[], output: string[], attribute: Attribute[] = []) =>
  node(name, input, output, attribute, 'own');
const float = (name: string, f: number): Attribute => ({ name, type: AttributeType.FLOAT, f });
const reference = (name: string, refAttrName: string): Attribute => ({
  name,
  type: AttributeType.FLOAT,
  refAttrName,
});

const opsetImport = [
  create(OperatorSetIdProtoSchema, { domain: '', version: 20n }),
  create(OperatorSetIdProtoSchema, { domain: 'own', version: 1n }),
];
const body = (
  name: string,
  given: Omit<MessageInitShape<typeof FunctionProtoSchema>, '$typeName'>,
): FunctionProto => create(FunctionProtoSchema, { ...given, name, domain: 'own', opsetImport });

/** x and z go in, y comes out; all [2, 3]. */
const graphOf = (nodes: ReturnType<typeof node>[]): GraphProto =>
  create(GraphProtoSchema, {
    name: 'calls',
    node: nodes,
    input: ['x', 'z'].map((name) => valueInfo(name, { dtype: 'float32', shape: [2, 3] })),
    output: [valueInfo('y', { dtype: 'float32', shape: [2, 3] })],
  });

async function run(graph: GraphProto, functions: readonly FunctionProto[]): Promise<number[]> {
  const model = create(ModelProtoSchema, { irVersion: 10n, opsetImport, graph, functions: [...functions] });
  const session = await ort.InferenceSession.create(toBinary(ModelProtoSchema, model), {
    logSeverityLevel: 3,
  });
  try {
    const x = new ort.Tensor('float32', Float32Array.of(-2, -1, 0, 1, 2, 3), [2, 3]);
    const z = new ort.Tensor('float32', Float32Array.of(5, -4, 3, -2, 1, 0), [2, 3]);
    const { y } = await session.run({ x, z });
    return Array.from((y as ort.Tensor).data as Float32Array);
  } finally {
    await session.release();
  }
}

/** x·sigmoid(α·x), with an attribute that goes on to an operator and has a default. */
const gate = body('Gate', {
  input: ['x'],
  output: ['y'],
  attributeProto: [create(AttributeProtoSchema, float('slope', 0.25))],
  node: [
    node('LeakyRelu', ['x'], ['gated'], [reference('alpha', 'slope')]),
    node('Sigmoid', ['gated'], ['s']),
    node('Mul', ['x', 's'], ['y']),
  ],
});
/** Calls {@link gate} twice and hands an attribute on; its second input may be left out. */
const block = body('Block', {
  input: ['x', 'most'],
  output: ['y', 'inner'],
  attribute: ['slope'],
  node: [
    own('Gate', ['x'], ['inner'], [reference('slope', 'slope')]),
    own('Gate', ['inner'], ['twice']),
    node('Clip', ['twice', '', 'most'], ['y']),
  ],
});
/** A branch sees the function's values. */
const either = body('Either', {
  input: ['x', 'z'],
  output: ['y'],
  node: [
    node('ReduceSum', ['x'], ['sum'], [{ name: 'keepdims', type: AttributeType.INT, i: 0n }]),
    node('Sub', ['sum', 'sum'], ['zero']),
    node('Greater', ['sum', 'zero'], ['positive']),
    node(
      'If',
      ['positive'],
      ['y'],
      [
        { name: 'then_branch', type: AttributeType.GRAPH, g: branchOf(own('Gate', ['x'], ['chosen'])) },
        { name: 'else_branch', type: AttributeType.GRAPH, g: branchOf(node('Neg', ['z'], ['chosen'])) },
      ],
    ),
  ],
});
const through = body('Through', { input: ['a', 'b'], output: ['a', 'c'], node: [node('Neg', ['b'], ['c'])] });

function branchOf(only: ReturnType<typeof node>): GraphProto {
  return create(GraphProtoSchema, { name: 'branch', node: [only], output: [{ name: 'chosen' }] });
}

describe('functions of a file', () => {
  it.each<[string, FunctionProto[], ReturnType<typeof node>[]]>([
    ['a call', [gate], [own('Gate', ['x'], ['y'])]],
    ['an attribute', [gate], [own('Gate', ['x'], ['y'], [float('slope', 2)])]],
    [
      'two calls, which share no values',
      [gate],
      [
        own('Gate', ['x'], ['a'], [float('slope', 0.5)]),
        own('Gate', ['z'], ['b']),
        node('Add', ['a', 'b'], ['y']),
      ],
    ],
    [
      'functions in functions, an input left out',
      [block, gate],
      [
        node('Constant', [], ['most'], [float('value_float', 0.3)]),
        own('Block', ['x', 'most'], ['a', 'unused'], [float('slope', 3)]),
        own('Block', ['z'], ['b', 'unused2']),
        node('Add', ['a', 'b'], ['y']),
      ],
    ],
    ['branches', [either, gate], [own('Either', ['x', 'z'], ['y'])]],
    ['the other branch', [either, gate], [node('Neg', ['x'], ['n']), own('Either', ['n', 'z'], ['y'])]],
  ])('%s', async (_what, functions, nodes) => {
    const graph = graphOf(nodes);
    const inlined = inlineFunctions({ graph, functions });
    expect(inlined.node.filter(({ domain }) => domain === 'own')).toEqual([]);
    expect(await run(inlined, [])).toEqual(await run(graph, functions));
  });

  it('that pass an input through, which ONNX Runtime itself does not take', async () => {
    const graph = graphOf([own('Through', ['x', 'z'], ['a', 'b']), node('Sub', ['a', 'b'], ['y'])]);
    expect(await run(inlineFunctions({ graph, functions: [through] }), [])).toEqual([3, -5, 3, -1, 3, 3]);
  });

  it('nodes inside are named after the call', () => {
    const call = own('Gate', ['x'], ['y']);
    call.name = '/model/act';
    const { node: nodes } = inlineFunctions({ graph: graphOf([call]), functions: [gate] });
    expect(nodes.map(({ name }) => name)).toEqual(['/model/act/gated', '/model/act/s', '/model/act/y']);
  });

  it('a file without any keeps its graph', () => {
    const graph = graphOf([node('Neg', ['x'], ['y'])]);
    expect(inlineFunctions({ graph, functions: [] })).toBe(graph);
  });

  it('that call themselves are refused', () => {
    const endless = body('Endless', { input: ['x'], output: ['y'], node: [own('Endless', ['x'], ['y'])] });
    expect(() =>
      inlineFunctions({ graph: graphOf([own('Endless', ['x'], ['y'])]), functions: [endless] }),
    ).toThrow('function own:Endless of the file calls itself');
  });
});
