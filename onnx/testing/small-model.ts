/** @file Small ONNX models written by hand, for tests of what reads them. */
import { writeFile } from 'node:fs/promises';
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { valueInfo } from '../encode.js';
import { tensorProto } from '../import/tensor-proto.js';
import {
  type AttributeProto,
  AttributeProto_AttributeType as Kinds,
  AttributeProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
} from '../onnx_pb.js';
import type { HostTensor } from '../tensor.js';
import { typeOfTensor } from '../tensor.js';

type Attribute = number | readonly number[] | string | HostTensor | { float: number } | GraphInit;
type GraphInit = MessageInitShape<typeof GraphProtoSchema>;

export interface SmallNode {
  readonly type: string;
  readonly domain?: string;
  readonly name?: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Whole numbers are INT; floats are written { float: 0.5 }. */
  readonly attributes?: Readonly<Record<string, Attribute>>;
}

export interface SmallModel {
  readonly opset: number;
  readonly nodes: readonly SmallNode[];
  /** Name → an example, whose type and shape the input has. */
  readonly inputs: Readonly<Record<string, HostTensor>>;
  readonly initializers?: Readonly<Record<string, HostTensor>>;
  readonly outputs: readonly string[];
}

function attributeProto(name: string, value: Attribute): AttributeProto {
  const of = (init: Omit<MessageInitShape<typeof AttributeProtoSchema>, '$typeName'>) =>
    create(AttributeProtoSchema, { name, ...init });
  if (typeof value === 'number') return of({ type: Kinds.INT, i: BigInt(value) });
  if (typeof value === 'string') return of({ type: Kinds.STRING, s: Buffer.from(value) });
  if (Array.isArray(value)) return of({ type: Kinds.INTS, ints: (value as number[]).map(BigInt) });
  if ('float' in value) return of({ type: Kinds.FLOAT, f: value.float });
  if ('data' in value) return of({ type: Kinds.TENSOR, t: tensorProto('', value) });
  return of({ type: Kinds.GRAPH, g: create(GraphProtoSchema, value as GraphInit) });
}

export function smallNode({
  type,
  domain = '',
  name = '',
  inputs,
  outputs,
  attributes = {},
}: SmallNode): NodeProto {
  return create(NodeProtoSchema, {
    opType: type,
    domain,
    name,
    input: [...inputs],
    output: [...outputs],
    attribute: Object.entries(attributes).map(([key, value]) => attributeProto(key, value)),
  });
}

export function smallModel({ opset, nodes, inputs, initializers = {}, outputs }: SmallModel): Uint8Array {
  const model = create(ModelProtoSchema, {
    irVersion: 8n,
    opsetImport: [
      { domain: '', version: BigInt(opset) },
      { domain: 'com.microsoft', version: 1n },
    ],
    graph: create(GraphProtoSchema, {
      name: 'small',
      node: nodes.map(smallNode),
      input: Object.entries(inputs).map(([name, tensor]) =>
        valueInfo(name, { dtype: typeOfTensor(tensor), shape: tensor.shape }),
      ),
      output: outputs.map((name) => ({ name })),
      initializer: Object.entries(initializers).map(([name, tensor]) => tensorProto(name, tensor)),
    }),
  });
  return toBinary(ModelProtoSchema, model);
}

export async function writeSmallModel(path: string, model: SmallModel): Promise<string> {
  await writeFile(path, smallModel(model));
  return path;
}
