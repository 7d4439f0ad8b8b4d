/** @file Element types, and plain tensors in host memory. */
import { toBfloat16, toFloat16 } from './half.js';

/** The element types of graphs. Temper computes with the first five; the others are how weights are stored. */
export type DataType =
  | 'float32'
  | 'float64'
  | 'int64'
  | 'int32'
  | 'bool'
  | 'float16'
  | 'bfloat16'
  | 'uint8'
  | 'int8'
  | 'uint4'
  | 'int4';

/**
 * One element type's array: booleans are bytes, 64-bit integers are bigints, floats of 16 bits their bits, and two
 * integers of 4 bits share a byte, the first in its lower half.
 */
export type TensorData =
  Float32Array | Float64Array | BigInt64Array | Int32Array | Int8Array | Uint8Array | Uint16Array;

/** A tensor in host memory, row-major. */
export interface HostTensor<Data extends TensorData = TensorData> {
  readonly shape: readonly number[];
  readonly data: Data;
  /** Where the array does not say it: bytes are taken as booleans, and words of 16 bits as float16. */
  readonly dtype?: DataType;
}

// The first type of an array is the one that is meant where nothing else is said.
const arrayTypes = {
  float32: Float32Array,
  float64: Float64Array,
  int64: BigInt64Array,
  int32: Int32Array,
  bool: Uint8Array,
  uint8: Uint8Array,
  int8: Int8Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  uint4: Uint8Array,
  int4: Uint8Array,
} as const;

/** ONNX's numbers for them (TensorProto.DataType). */
const onnxTypes: Readonly<Record<DataType, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  bfloat16: 16,
  uint4: 21,
  int4: 22,
};

/** ONNX's number for an element type. */
export function onnxType(dtype: DataType): number {
  return onnxTypes[dtype];
}

/** The element type of ONNX's number; undefined for those that are not known here. */
export function dtypeOfOnnx(type: number): DataType | undefined {
  return (Object.keys(onnxTypes) as DataType[]).find((dtype) => onnxTypes[dtype] === type);
}

/** The number of elements of a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, dim) => product * dim, 1);
}

/** How long the array of so many elements is. */
export function storageLength(dtype: DataType, elements: number): number {
  return dtype === 'uint4' || dtype === 'int4' ? Math.ceil(elements / 2) : elements;
}

/** A zeroed array of one element type. */
export function allocate(dtype: DataType, elements: number): TensorData {
  return new arrayTypes[dtype](storageLength(dtype, elements));
}

/** Numbers as an array of one element type. */
export function dataOf(dtype: DataType, values: readonly number[]): TensorData {
  switch (dtype) {
    case 'int64':
      return BigInt64Array.from(values, BigInt);
    case 'float16':
      return toFloat16(values);
    case 'bfloat16':
      return toBfloat16(values);
    case 'uint4':
    case 'int4':
      return packNibbles(values);
    default:
      return new arrayTypes[dtype](values);
  }
}

function packNibbles(values: readonly number[]): Uint8Array {
  const packed = new Uint8Array(storageLength('uint4', values.length));
  values.forEach((value, i) => {
    packed[i >> 1] = (packed[i >> 1] as number) | ((value & 15) << (4 * (i & 1)));
  });
  return packed;
}

/** An array over bytes that are an element type's, as they stand in a file; copied only where they lie unaligned. */
export function dataOver(dtype: DataType, bytes: Uint8Array): TensorData {
  const ArrayType = arrayTypes[dtype];
  const size = ArrayType.BYTES_PER_ELEMENT;
  const aligned = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);
  return new ArrayType(aligned.buffer as ArrayBuffer, aligned.byteOffset, aligned.byteLength / size);
}

/** The element type of an array, the first that it may stand for. */
export function dtypeOf(data: TensorData): DataType {
  for (const [dtype, ArrayType] of Object.entries(arrayTypes)) {
    if (data instanceof ArrayType) return dtype as DataType;
  }
  throw new TypeError('not the data of a tensor');
}

/** The element type of a tensor. */
export function typeOfTensor({ dtype, data }: HostTensor): DataType {
  return dtype ?? dtypeOf(data);
}

/** The bytes of an array as they stand in memory (little-endian on every platform that ONNX Runtime supports). */
export function bytesOf(data: TensorData): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** Whether it can be differentiated by. */
export function isFloat(dtype: DataType): boolean {
  return dtype === 'float32' || dtype === 'float64';
}
