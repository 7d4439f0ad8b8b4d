/** @file ONNX's own tests of its operators: a model of one operator, what it is fed, and what comes out. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import { Graph, type Value } from '../graph.js';
import { openOnnx } from '../import/file.js';
import { type Intercept, SizedFile } from '../import/specialise.js';
import { storedTensorOf } from '../import/tensor-proto.js';
import { type AttributeProto, ModelProtoSchema, type NodeProto, TensorProtoSchema } from '../onnx_pb.js';
import { apply, MatMulInteger } from '../operators/index.js';
import { type HostTensor, typeOfTensor } from '../tensor.js';

export interface NodeTest {
  readonly name: string;
  readonly path: string;
  /** By the model's names, in its order. */
  readonly inputs: ReadonlyMap<string, HostTensor>;
  readonly outputs: ReadonlyMap<string, HostTensor>;
  readonly nodes: readonly NodeProto[];
}

/** The names of the tests in a folder. */
export function nodeTestNames(folder: string): string[] {
  return readdirSync(folder).sort();
}

export function readNodeTest(folder: string, name: string): NodeTest {
  const path = join(folder, name, 'model.onnx');
  const { graph } = fromBinary(ModelProtoSchema, readFileSync(path));
  const data = join(folder, name, 'test_data_set_0');
  const files = new Set(readdirSync(data));
  const tensors = (kind: 'input' | 'output') =>
    new Map(
      (graph?.[kind] ?? []).flatMap(({ name: key }, i): [string, HostTensor][] => {
        const file = `${kind}_${i}.pb`;
        if (!files.has(file)) return [];
        return [[key, storedTensorOf(fromBinary(TensorProtoSchema, readFileSync(join(data, file))))]];
      }),
    );
  return { name, path, inputs: tensors('input'), outputs: tensors('output'), nodes: graph?.node ?? [] };
}

/** A node's attribute. */
export function attributeOf(node: NodeProto, name: string): AttributeProto | undefined {
  return node.attribute.find((attribute) => attribute.name === name);
}

/** Refused in files that are to be trained; the table has it. */
const integerProduct: Intercept = ({ opType }, { graph, inputs }) =>
  opType === 'MatMulInteger' ? apply(graph, MatMulInteger, inputs) : undefined;

/** The model of a test as a graph, read as any foreign file is read. */
export async function graphOfNodeTest(
  test: NodeTest,
): Promise<{ graph: Graph; inputs: Map<string, Value>; outputs: Record<string, Value> }> {
  const file = await openOnnx(test.path);
  const sizes = {
    constants: new Map(),
    leaves: new Set(test.inputs.keys()),
    outputs: [...test.outputs.keys()],
  };
  const leavesOf = (graph: Graph) => {
    const inputs = new Map<string, Value>();
    for (const [name, tensor] of test.inputs)
      inputs.set(name, graph.input(name, typeOfTensor(tensor), tensor.shape));
    return inputs;
  };
  const scratch = new Graph();
  const known = leavesOf(scratch);
  const sized = await SizedFile.read(
    file,
    sizes,
    scratch,
    (name) => known.get(name) as Value,
    integerProduct,
  );
  const graph = new Graph();
  const inputs = leavesOf(graph);
  const values = sized.emit(graph, (name) => inputs.get(name) as Value, { intercept: integerProduct });
  const outputs = Object.fromEntries(
    sizes.outputs.map((name) => [name, (values.get(name) ?? sized.constant(graph, name)) as Value]),
  );
  return { graph, inputs, outputs };
}
