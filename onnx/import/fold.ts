/**
 * @file The arithmetic on sizes that exporters write between any two steps (shape → gather → concat → reshape), done
 * here: ONNX Runtime would need a session each time that a size is asked for, hundreds for one model.
 */
import type { NodeProto } from '../onnx_pb.js';
import { onnxType, type HostTensor, type TensorData, typeOfTensor } from '../tensor.js';
import { attributesOf } from './attributes.js';
import type { NodeAttributes } from './reader.js';
import { storedTensorOf } from './tensor-proto.js';

/** Inputs with more elements than this are not sizes. */
const mostElements = 64;

type Fold = (
  inputs: readonly (HostTensor | undefined)[],
  attributes: NodeAttributes,
) => HostTensor | undefined;

const folds: Readonly<Record<string, Fold>> = {
  Identity: ([x]) => x,
  Gather: ([x, indices], attributes) => {
    if (x?.shape.length !== 1 || indices === undefined || attributes.int('axis', 0) !== 0) return undefined;
    const size = x.data.length;
    const at = numbers(indices).map((index) => (index < 0 ? index + size : index));
    if (at.some((index) => index >= size || index < 0)) return undefined;
    return pick(x, indices.shape, at);
  },
  Unsqueeze: ([x, axesInput], attributes) => {
    const axes = axesInput === undefined ? attributes.ints('axes') : numbers(axesInput);
    if (x === undefined || axes === undefined) return undefined;
    const rank = x.shape.length + axes.length;
    const added = new Set(axes.map((axis) => (axis < 0 ? axis + rank : axis)));
    const rest = [...x.shape];
    const shape = Array.from({ length: rank }, (_, axis) => (added.has(axis) ? 1 : (rest.shift() as number)));
    return { ...x, shape };
  },
  Squeeze: ([x, axesInput], attributes) => {
    if (x === undefined) return undefined;
    const axes = axesInput === undefined ? attributes.ints('axes') : numbers(axesInput);
    const gone = new Set(axes?.map((axis) => (axis < 0 ? axis + x.shape.length : axis)));
    const shape = x.shape.filter((size, axis) => (axes === undefined ? size !== 1 : !gone.has(axis)));
    return { ...x, shape };
  },
  Concat: (parts, attributes) => {
    const given = parts.filter((part) => part !== undefined);
    const [first] = given;
    if (first === undefined || given.some(({ shape }) => shape.length !== 1)) return undefined;
    if (typeOfTensor(first) !== 'int64' || ![0, -1].includes(attributes.int('axis'))) return undefined;
    return int64s(given.flatMap(numbers));
  },
  Slice: ([x, starts, ends, axes, steps]) => {
    if (x?.shape.length !== 1 || starts === undefined || ends === undefined) return undefined;
    if (axes !== undefined && Math.abs(Number(axes.data[0])) > 1) return undefined;
    if (steps !== undefined && Number(steps.data[0]) !== 1) return undefined;
    const positions = Array.from({ length: x.data.length }, (_, i) => i);
    const at = positions.slice(Number(starts.data[0]), Number(ends.data[0]));
    return pick(x, [at.length], at);
  },
  Cast: ([x], attributes) => {
    if (x === undefined) return undefined;
    const to = attributes.int('to');
    if (to === onnxType(typeOfTensor(x))) return x;
    const values = numbers(x);
    if (to === onnxType('float32')) return { shape: x.shape, data: Float32Array.from(values) };
    if (to === onnxType('int64') && values.every(Number.isInteger)) {
      return { shape: x.shape, data: BigInt64Array.from(values, BigInt) };
    }
    return undefined;
  },
  Add: arithmetic((a, b) => a + b),
  Sub: arithmetic((a, b) => a - b),
  Mul: arithmetic((a, b) => a * b),
  Div: arithmetic((a, b, areIntegers) => (areIntegers ? Math.trunc(a / b) : a / b)),
  Sqrt: ([x]) =>
    x?.data instanceof Float32Array
      ? { shape: x.shape, data: x.data.map((value) => Math.sqrt(value)) }
      : undefined,
};

/** What a node puts out, if it is arithmetic on sizes that is known here; else it is left to ONNX Runtime. */
export function foldedTensor(
  node: NodeProto,
  inputs: readonly (HostTensor | undefined)[],
): HostTensor | undefined {
  if (node.domain !== '' && node.domain !== 'ai.onnx') return undefined;
  if (node.opType === 'Constant') return constantTensor(node);
  if (inputs.some((input) => input !== undefined && input.data.length > mostElements)) return undefined;
  return folds[node.opType]?.(inputs, attributesOf(node));
}

/** The tensor of a Constant node; undefined for strings and sparse tensors. */
function constantTensor(node: NodeProto): HostTensor | undefined {
  const attribute = node.attribute[0];
  switch (attribute?.name) {
    case 'value':
      return attribute.t && storedTensorOf(attribute.t);
    case 'value_int':
      return { shape: [], data: BigInt64Array.of(attribute.i) };
    case 'value_ints':
      return { shape: [attribute.ints.length], data: BigInt64Array.from(attribute.ints) };
    case 'value_float':
      return { shape: [], data: Float32Array.of(attribute.f) };
    case 'value_floats':
      return { shape: [attribute.floats.length], data: Float32Array.from(attribute.floats) };
    default:
      return undefined;
  }
}

/** Of two tensors of a type, of one shape or one of them a single element. */
function arithmetic(compute: (a: number, b: number, areIntegers: boolean) => number): Fold {
  return ([a, b]) => {
    if (a === undefined || b === undefined) return undefined;
    const dtype = typeOfTensor(a);
    const isKnown = (dtype === 'int64' || dtype === 'float32') && typeOfTensor(b) === dtype;
    const [rankA, rankB] = [a.shape.length, b.shape.length];
    const isSimple =
      rankA <= 1 &&
      rankB <= 1 &&
      (a.data.length === b.data.length || a.data.length === 1 || b.data.length === 1);
    if (!isKnown || !isSimple) return undefined;
    const shape = rankA > rankB || (rankA === rankB && a.data.length > 1) ? a.shape : b.shape;
    const [left, right] = [numbers(a), numbers(b)];
    const length = left.length === 0 || right.length === 0 ? 0 : Math.max(left.length, right.length);
    const at = (values: number[], i: number) => values[values.length === 1 ? 0 : i] as number;
    const values = Array.from({ length }, (_, i) => compute(at(left, i), at(right, i), dtype === 'int64'));
    if (dtype === 'float32') return { shape, data: Float32Array.from(values) };
    return values.every(Number.isSafeInteger)
      ? { shape, data: BigInt64Array.from(values, BigInt) }
      : undefined;
  };
}

function numbers({ data }: HostTensor): number[] {
  return Array.from(data, Number);
}

function int64s(values: readonly number[]): HostTensor {
  return { shape: [values.length], data: BigInt64Array.from(values, BigInt) };
}

function pick(x: HostTensor, shape: readonly number[], at: readonly number[]): HostTensor {
  const data: TensorData = x.data.slice(0, 0);
  const elements = at.map((index) => x.data[index] as number & bigint);
  const picked = (data.constructor as unknown as { from(values: readonly unknown[]): TensorData }).from(
    elements,
  );
  return { ...x, shape, data: picked };
}
