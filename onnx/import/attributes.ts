/** @file A node's attributes, as readers ask for them. */
import { type AttributeProto, AttributeProto_AttributeType as Kinds, type NodeProto } from '../onnx_pb.js';
import { ShapeError } from '../shape.js';
import type { NodeAttributes } from './reader.js';
import { hostTensor } from './tensor-proto.js';

const decoder = new TextDecoder();

/** The attributes of a node of a file. */
export function attributesOf(node: NodeProto): NodeAttributes {
  const byName = new Map(node.attribute.map((attribute) => [attribute.name, attribute]));

  function find(name: string, kind: Kinds): AttributeProto | undefined {
    const attribute = byName.get(name);
    if (attribute !== undefined && attribute.type !== kind) {
      throw new ShapeError(`attribute "${name}" is of kind ${Kinds[attribute.type]}, not ${Kinds[kind]}`);
    }
    return attribute;
  }

  function given<T>(name: string, value: T | undefined, fallback: T | undefined): T {
    const result = value ?? fallback;
    if (result === undefined) throw new ShapeError(`attribute "${name}" is missing`);
    return result;
  }

  return {
    int(name, fallback) {
      const attribute = find(name, Kinds.INT);
      return given(name, attribute && Number(attribute.i), fallback);
    },
    float: (name, fallback) => given(name, find(name, Kinds.FLOAT)?.f, fallback),
    string(name, fallback) {
      const attribute = find(name, Kinds.STRING);
      return given(name, attribute && decoder.decode(attribute.s), fallback);
    },
    ints: (name) => find(name, Kinds.INTS)?.ints.map(Number),
    floats: (name) => find(name, Kinds.FLOATS)?.floats,
    tensor(name) {
      const tensor = find(name, Kinds.TENSOR)?.t;
      return tensor && hostTensor(tensor);
    },
    has: (name) => byName.has(name),
    names: () => [...byName.keys()],
  };
}
