/** @file Element types, and plain tensors in host memory. */

/** The element types that Temper's graphs use. */
export type DataType = 'float32' | 'float64' | 'int64' | 'int32' | 'bool';

/** One element type's array: booleans are bytes, 64-bit integers are bigints. */
export type TensorData = Float32Array | Float64Array | BigInt64Array | Int32Array | Uint8Array;

/** A tensor in host memory, row-major. */
export interface HostTensor<Data extends TensorData = TensorData> {
  readonly shape: readonly number[];
  readonly data: Data;
}

const arrayTypes = {
  float32: Float32Array,
  float64: Float64Array,
  int64: BigInt64Array,
  int32: Int32Array,
  bool: Uint8Array,
} as const;

/** The number of elements of a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, dim) => product * dim, 1);
}

/** A zeroed array of one element type. */
export function allocate(dtype: DataType, length: number): TensorData {
  return new arrayTypes[dtype](length);
}

/** Numbers as an array of one element type. */
export function dataOf(dtype: DataType, values: readonly number[]): TensorData {
  if (dtype === 'int64') return BigInt64Array.from(values, BigInt);
  return new arrayTypes[dtype](values);
}

/** The element type of an array. */
export function dtypeOf(data: TensorData): DataType {
  for (const [dtype, ArrayType] of Object.entries(arrayTypes)) {
    if (data instanceof ArrayType) return dtype as DataType;
  }
  throw new TypeError('not the data of a tensor');
}

/** The bytes of an array as they stand in memory (little-endian on every platform that ONNX Runtime supports). */
export function bytesOf(data: TensorData): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

export function isFloat(dtype: DataType): boolean {
  return dtype === 'float32' || dtype === 'float64';
}
