/** @file Bytes of stored tensors made into arrays that graphs use. */
import { fromBfloat16, fromFloat16 } from '../half.js';
import type { StoredType } from '../stored.js';
import {
  type DataType,
  dataOver,
  dtypeOfOnnx,
  type HostTensor,
  sizeOf,
  storageLength,
  typeOfTensor,
} from '../tensor.js';

const bytesOfElements: Readonly<Record<StoredType, number>> = {
  float64: 8,
  int64: 8,
  float32: 4,
  int32: 4,
  float16: 2,
  bfloat16: 2,
  uint8: 1,
  int8: 1,
  bool: 1,
  uint4: 1,
  int4: 1,
};

/** The element type of ONNX's number; undefined: none that weights are read in. */
export function storedTypeOf(onnxNumber: number): StoredType | undefined {
  const dtype: DataType | undefined = dtypeOfOnnx(onnxNumber);
  return dtype !== undefined && dtype in bytesOfElements ? dtype : undefined;
}

/** Bytes that a tensor takes. */
export function bytesFor(dtype: StoredType, shape: readonly number[]): number {
  return storageLength(dtype, sizeOf(shape)) * bytesOfElements[dtype];
}

/** A tensor over bytes; floats of 16 bits become float32. */
export function tensorOver(dtype: StoredType, shape: readonly number[], bytes: Uint8Array): HostTensor {
  return widened({ shape, data: dataOver(dtype, bytes), dtype });
}

/** Floats of 16 bits as float32, in which Temper computes; everything else as it is. */
export function widened(tensor: HostTensor): HostTensor {
  const { shape, data } = tensor;
  const dtype = typeOfTensor(tensor);
  if (dtype === 'float16') return { shape, data: fromFloat16(data as Uint16Array) };
  if (dtype === 'bfloat16') return { shape, data: fromBfloat16(data as Uint16Array) };
  return tensor;
}
