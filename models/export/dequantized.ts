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
import type { NewValue } from './merged.js';
import type { OutgoingTensor } from './onnx-writer.js';
import { storedPieces } from './stored-form.js';

type Given = readonly { readonly name: string; readonly value: NewValue }[];

export interface PlainProducts {
  readonly graph: GraphProto;
  /** Packed weight → what makes the float weight [in, out] that is stored instead. */
  readonly products: ReadonlyMap<string, (given: Given) => Promise<OutgoingTensor>>;
  /** Initializers that nothing reads any more. */
  readonly dropped: ReadonlySet<string>;
  /** Names of the packed weights that became floats. */
  readonly names: readonly string[];
}

/** @param changed names of the stored tensors that get new values */
export function plainProducts(file: OnnxFile, changed: ReadonlySet<string>): PlainProducts {
  const products = new Map<string, (given: Given) => Promise<OutgoingTensor>>();
  const candidates = new Set<string>();
  const node = file.graph.node.flatMap((each): NodeProto[] => {
    const [x = '', packed = '', scales = '', ...rest] = each.input;
    if (each.opType !== 'MatMulNBits' || !changed.has(packed)) return [each];
    const weight = `${packed}/float`;
    const scale = file.weights.get(scales);
    if (scale === undefined)
      throw new UserError(`${file.path}: the scales of "${packed}" are not stored in it`);
    products.set(packed, (given) => floatWeight(weight, each, scale, given));
    for (const name of [packed, scales, ...rest.slice(0, 2)]) candidates.add(name);
    const bias = rest[2];
    const output = each.output[0] as string;
    const product = bias ? `${output}/product` : output;
    const matmul = create(NodeProtoSchema, {
      ...{ name: each.name, opType: 'MatMul', input: [x, weight], output: [product] },
    });
    if (!bias) return [matmul];
    const add = { name: `${each.name}/bias`, opType: 'Add', input: [product, bias], output: [output] };
    return [matmul, create(NodeProtoSchema, add)];
  });
  const graph = { ...file.graph, node };
  const read = new Set(node.flatMap(({ input }) => input));
  const dropped = new Set([...candidates].filter((name) => !read.has(name) && !products.has(name)));
  return { graph, products, dropped, names: [...products.keys()] };
}

async function floatWeight(
  name: string,
  node: NodeProto,
  { dtype }: StoredTensor,
  given: Given,
): Promise<OutgoingTensor> {
  const size = (key: string): number => Number(node.attribute.find((each) => each.name === key)?.i ?? 0);
  const shape = [size('K'), size('N')];
  const [first] = given;
  if (first === undefined || given.length > 1)
    throw new UserError(`the 4-bit weight of ${node.name} is shared by ${given.length} parameters`);
  const stored = {
    tensor: { name, dtype, shape, read: () => Promise.reject(new Error(name)) },
    transposed: true,
  };
  return {
    ...{ name, dtype, shape, bytes: sizeOf(shape) * (dtype === 'float16' ? 2 : 4) },
    pieces: async function* () {
      const { value } = first;
      yield* storedPieces(first.name, typeof value === 'function' ? await value() : value, stored);
    },
  };
}
