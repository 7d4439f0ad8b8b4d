/**
 * @file Products with 4-bit weights (com.microsoft's MatMulNBits) made plain again where their weight was trained: a
 * merged adapter does not fit into four bits, so the exported weight is a float as the layer's scales are.
 */
import { create } from '@bufbuild/protobuf';
import type { OnnxFile } from '../../onnx/import/file.js';
import { type GraphProto, type NodeProto, NodeProtoSchema } from '../../onnx/onnx_pb.js';
import type { StoredTensor } from '../../onnx/stored.js';
import { sizeOf } from '../../onnx/tensor.js';
import { UserError } from '../../base/errors.js';
import { readParameter } from '../huggingface/network.js';
import { type Part, valueOf } from './parts.js';
import type { OutgoingTensor } from './onnx-writer.js';
import { type Parameter, storedPieces, withSlices } from './stored-form.js';

export interface PlainProducts {
  readonly graph: GraphProto;
  /** Packed weight → the float weight [in, out] that is stored instead. */
  readonly products: ReadonlyMap<string, OutgoingTensor>;
  /** Initializers that nothing reads any more. */
  readonly dropped: ReadonlySet<string>;
  /** Names of the packed weights that became floats. */
  readonly names: readonly string[];
}

/** @param parts what is to be written into stored tensors, by their names */
export function plainProducts(file: OnnxFile, parts: ReadonlyMap<string, readonly Part[]>): PlainProducts {
  const products = new Map<string, OutgoingTensor>();
  const candidates = new Set<string>();
  const node = file.graph.node.flatMap((each): NodeProto[] => {
    const [x = '', packed = '', scales = '', ...rest] = each.input;
    const changed = parts.get(packed);
    if (each.opType !== 'MatMulNBits' || changed === undefined) return [each];
    const scale = file.weights.get(scales);
    if (scale === undefined)
      throw new UserError(`${file.path}: the scales of "${packed}" are not stored in it`);
    const weight = floatWeight(`${packed}/float`, each, scale, changed);
    products.set(packed, weight);
    for (const name of [packed, scales, ...rest.slice(0, 2)]) candidates.add(name);
    const bias = rest[2];
    const output = each.output[0] as string;
    const product = bias ? `${output}/product` : output;
    const matmul = { name: each.name, opType: 'MatMul', input: [x, weight.name], output: [product] };
    if (!bias) return [create(NodeProtoSchema, matmul)];
    const add = { name: `${each.name}/bias`, opType: 'Add', input: [product, bias], output: [output] };
    return [create(NodeProtoSchema, matmul), create(NodeProtoSchema, add)];
  });
  const read = new Set(node.flatMap(({ input }) => input));
  const dropped = new Set([...candidates].filter((name) => !read.has(name) && !products.has(name)));
  return { graph: { ...file.graph, node }, products, dropped, names: [...products.keys()] };
}

function floatWeight(
  name: string,
  node: NodeProto,
  { dtype }: StoredTensor,
  parts: readonly Part[],
): OutgoingTensor {
  const size = (key: string): number => Number(node.attribute.find((each) => each.name === key)?.i ?? 0);
  const shape = [size('K'), size('N')];
  const read = () => Promise.reject(new Error(`${name} is not read`));
  return {
    ...{ name, dtype, shape, bytes: sizeOf(shape) * (dtype === 'float16' ? 2 : 4) },
    pieces: async function* () {
      const stored = { tensor: { name, dtype, shape, read }, transposed: true };
      yield* storedPieces(name, await wholeWeight(parts), stored);
    },
  };
}

/** [out, in]; where several parameters share the packed weight, what is not given is unpacked. */
async function wholeWeight(parts: readonly Part[]): Promise<Parameter> {
  const [first] = parts as [Part];
  if (first.stored.slice === undefined) return valueOf(first.value);
  const { tensor, quantized } = first.stored;
  const before = await readParameter({
    name: tensor.name,
    shape: [],
    stored: { tensor, transposed: false, quantized },
  });
  const values = await Promise.all(
    parts.map(async ({ name, value, stored }) => ({ name, stored, values: await valueOf(value) })),
  );
  return withSlices({ ...tensor, shape: before.shape, read: () => Promise.resolve(before) }, values);
}
