/** @file Nodes of an ONNX graph written by hand, each value under a name of its own. */
import { create } from '@bufbuild/protobuf';
import {
  AttributeProto_AttributeType as AttributeType,
  type AttributeProto,
  AttributeProtoSchema,
  type NodeProto,
  NodeProtoSchema,
} from '../../onnx/onnx_pb.js';
import type { HostTensor } from '../../onnx/tensor.js';

/** Whole numbers and lists of them; floats as `{ float: … }`. */
export type BuilderAttributes = Readonly<
  Record<string, number | readonly number[] | { readonly float: number }>
>;

export class GraphBuilder {
  readonly nodes: NodeProto[] = [];
  readonly constants: { name: string; tensor: HostTensor }[] = [];
  readonly #prefix: string;
  #count = 0;

  /** @param prefix begins every name that is made here */
  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** @returns the first output's name */
  node(
    opType: string,
    input: readonly string[],
    attributes: BuilderAttributes = {},
    output: string | readonly string[] = `${this.#prefix}/${opType}_${this.#count++}`,
  ): string {
    const outputs = typeof output === 'string' ? [output] : [...output];
    const [first = ''] = outputs;
    this.nodes.push(
      create(NodeProtoSchema, {
        ...{ name: `${this.#prefix}/node/${first}`, opType, input: [...input], output: outputs },
        attribute: Object.entries(attributes).map(([name, value]) => attributeOf(name, value)),
      }),
    );
    return first;
  }

  constant(tensor: HostTensor, name = `${this.#prefix}/constant_${this.#count++}`): string {
    this.constants.push({ name, tensor });
    return name;
  }

  /** int64 [n] */
  ints(values: readonly number[]): string {
    return this.constant({ shape: [values.length], data: BigInt64Array.from(values, BigInt) });
  }

  /** int64 scalar */
  int(value: number): string {
    return this.constant({ shape: [], data: BigInt64Array.of(BigInt(value)) });
  }

  /** float32 scalar */
  float(value: number): string {
    return this.constant({ shape: [], data: Float32Array.of(value) });
  }
}

function attributeOf(name: string, value: BuilderAttributes[string]): AttributeProto {
  if (typeof value === 'number')
    return create(AttributeProtoSchema, { name, type: AttributeType.INT, i: BigInt(value) });
  if ('float' in value)
    return create(AttributeProtoSchema, { name, type: AttributeType.FLOAT, f: value.float });
  return create(AttributeProtoSchema, { name, type: AttributeType.INTS, ints: value.map(BigInt) });
}
