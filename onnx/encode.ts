/** @file A graph as ONNX messages and bytes. */
import { basename } from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import {
  AttributeProto_AttributeType as AttributeType,
  AttributeProtoSchema,
  type GraphProto,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  TensorProto_DataLocation,
  TensorProtoSchema,
  type AttributeProto,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from './onnx_pb.js';
import {
  type AttributeKind,
  type Attributes,
  isComposite,
  type Node,
  type Value,
  type ValueType,
} from './graph.js';
import { type LiveGraph, prune } from './prune.js';
import type { StoredTensor } from './stored.js';
import { bytesOf, type HostTensor, onnxType, typeOfTensor } from './tensor.js';

/**
 * The set of ONNX's operators that the table is written against. ONNX Runtime 1.30 knows 26, but several of its
 * fusions do not know the newer versions of operators that they are made of.
 */
const opset = 20n;
/** Operators that are younger, and what they came (or became what the table says) with. */
const youngerOperators: ReadonlyMap<string, bigint> = new Map([
  ['DequantizeLinear', 21n],
  ['RMSNormalization', 23n],
  ['Swish', 24n],
]);
const irVersion = 10n;

/** The oldest set that has all operators of a graph. */
function opsetOf(graph: GraphProto): bigint {
  return graph.node.reduce((needed, node) => {
    const bodies = node.attribute.flatMap(({ g }) => (g === undefined ? [] : [opsetOf(g)]));
    const own = node.domain === '' ? (youngerOperators.get(node.opType) ?? opset) : opset;
    return [own, ...bodies].reduce((a, b) => (a > b ? a : b), needed);
  }, opset);
}

/** A graph's outputs, by the names that a session knows them by. */
export type NamedValues = Readonly<Record<string, Value>>;

/**
 * The part of a graph that `outputs` depend on.
 *
 * @param outputs name → value; the same value may have several names.
 * @param initializers input name → elements that are stored in the file instead of being asked for.
 */
export function encodeGraph(
  name: string,
  inputs: readonly Value[],
  outputs: NamedValues,
  initializers: ReadonlyMap<string, HostTensor> = new Map(),
): GraphProto {
  const graph = (Object.values(outputs)[0] as Value).graph;
  const live = prune(graph, Object.values(outputs));
  const { names, copies } = nameOutputs(live, outputs);
  const stored = [...initializers].map(([key, tensor]) => encodeTensor(key, tensor));
  return create(GraphProtoSchema, {
    name,
    node: [...live.nodes.map((node) => encodeNode(node, names)), ...copies],
    input: inputs
      .filter((input) => !initializers.has(input.name))
      .map((input) => valueInfo(input.name, input)),
    output: Object.entries(outputs).map(([key, value]) => valueInfo(key, value)),
    initializer: [
      ...stored,
      ...live.constants.map(({ name: key, dtype, shape, data }) =>
        encodeTensor(key, { dtype, shape: shape as readonly number[], data: data as HostTensor['data'] }),
      ),
      ...live.stored.map((value) => encodeStored(value, value.stored as StoredTensor)),
      ...live.views.map((view) => encodeView(view, initializers)),
    ],
  });
}

function encodeView(
  { name, dtype, shape, viewOf }: Value,
  initializers: ReadonlyMap<string, HostTensor>,
): TensorProto {
  const origin = viewOf as Value;
  if (origin.stored !== undefined) return encodeStored({ name, dtype, shape }, origin.stored);
  const stored = initializers.get(origin.name);
  if (stored === undefined) {
    throw new Error(
      `${name} views the bytes of "${origin.name}", which has to be an initializer, and is fed`,
    );
  }
  return encodeTensor(name, { dtype, shape: shape as readonly number[], data: stored.data });
}

/**
 * What a node puts out goes by its output's name throughout the file. Inputs, constants, and what is put out under
 * two names need a copy.
 */
function nameOutputs(
  live: LiveGraph,
  outputs: NamedValues,
): { names: Map<Value, string>; copies: NodeProto[] } {
  const made = new Set(live.nodes.flatMap((node) => node.outputs));
  const names = new Map<Value, string>();
  const copies: NodeProto[] = [];
  for (const [key, value] of Object.entries(outputs)) {
    if (made.has(value) && !names.has(value)) names.set(value, key);
    else copies.push(identity(key, names.get(value) ?? value.name));
  }
  return { names, copies };
}

function identity(output: string, input: string): NodeProto {
  return create(NodeProtoSchema, {
    name: `output/${output}`,
    opType: 'Identity',
    input: [input],
    output: [output],
  });
}

/** A whole ONNX file. */
export function encodeModel(graph: GraphProto): Uint8Array {
  const model = create(ModelProtoSchema, {
    irVersion,
    producerName: 'temper',
    opsetImport: [
      { domain: '', version: opsetOf(graph) },
      { domain: 'com.microsoft', version: 1n },
    ],
    graph,
  });
  return toBinary(ModelProtoSchema, model);
}

export function valueInfo(name: string, { dtype, shape }: ValueType): ValueInfoProto {
  const dim = shape.map((size) => ({
    value:
      typeof size === 'number'
        ? { case: 'dimValue' as const, value: BigInt(size) }
        : { case: 'dimParam' as const, value: size },
  }));
  const tensorType = { elemType: onnxType(dtype), shape: { dim } };
  return create(ValueInfoProtoSchema, { name, type: { value: { case: 'tensorType', value: tensorType } } });
}

/** Elements that stay where they are. ONNX names the file relative to a folder, which the session is told. */
function encodeStored(
  { name, dtype, shape }: Pick<Value, 'name' | 'dtype' | 'shape'>,
  { location }: StoredTensor,
): TensorProto {
  if (location === undefined) throw new Error(`${name} has no place in a file`);
  const entries = { location: basename(location.file), offset: location.offset, length: location.length };
  return create(TensorProtoSchema, {
    name,
    dims: (shape as readonly number[]).map(BigInt),
    dataType: onnxType(dtype),
    dataLocation: TensorProto_DataLocation.EXTERNAL,
    externalData: Object.entries(entries).map(([key, value]) => ({ key, value: String(value) })),
  });
}

function encodeTensor(name: string, tensor: HostTensor): TensorProto {
  const dims = tensor.shape.map(BigInt);
  const dataType = onnxType(typeOfTensor(tensor));
  return create(TensorProtoSchema, { name, dims, dataType, rawData: bytesOf(tensor.data) });
}

function encodeNode(
  { operator, name, inputs, attributes, outputs }: Node,
  names: ReadonlyMap<Value, string>,
): NodeProto {
  if (isComposite(operator)) throw new Error(`${name} is a composite: only its parts are written`);
  return create(NodeProtoSchema, {
    name,
    opType: operator.type,
    domain: operator.domain,
    input: inputs.map((input) => (input === undefined ? '' : (names.get(input) ?? input.name))),
    output: outputs.map((output) => names.get(output) ?? output.name),
    attribute: encodeAttributes(operator.attributes, attributes),
  });
}

function encodeAttributes(
  kinds: Readonly<Record<string, AttributeKind>>,
  attributes: Attributes,
): AttributeProto[] {
  return Object.entries(kinds).flatMap(([name, kind]) => {
    const value = attributes[name];
    return value === undefined ? [] : [encodeAttribute(name, kind, value)];
  });
}

function encodeAttribute(
  name: string,
  kind: AttributeKind,
  value: NonNullable<Attributes[string]>,
): AttributeProto {
  switch (kind) {
    case 'int':
      return create(AttributeProtoSchema, { name, type: AttributeType.INT, i: BigInt(value as number) });
    case 'float':
      return create(AttributeProtoSchema, { name, type: AttributeType.FLOAT, f: value as number });
    case 'ints':
      return create(AttributeProtoSchema, {
        name,
        type: AttributeType.INTS,
        ints: (value as number[]).map(BigInt),
      });
    case 'string':
      return create(AttributeProtoSchema, {
        name,
        type: AttributeType.STRING,
        s: Buffer.from(value as string),
      });
  }
}

/** A node whose body is another graph: K steps of a training step. */
export function encodeScan(
  body: GraphProto,
  scanInputs: number,
  inputs: string[],
  outputs: string[],
): NodeProto {
  return create(NodeProtoSchema, {
    name: 'steps',
    opType: 'Scan',
    input: inputs,
    output: outputs,
    attribute: [
      create(AttributeProtoSchema, { name: 'body', type: AttributeType.GRAPH, g: body }),
      create(AttributeProtoSchema, {
        name: 'num_scan_inputs',
        type: AttributeType.INT,
        i: BigInt(scanInputs),
      }),
    ],
  });
}
