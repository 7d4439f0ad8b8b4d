/** @file Tensors that stay in the file they came in. */
import type { HostTensor } from './tensor.js';

/** Element types of ONNX's tensors that weights come in. */
export type StoredType =
  | 'float32'
  | 'float64'
  | 'float16'
  | 'bfloat16'
  | 'int64'
  | 'int32'
  | 'int8'
  | 'uint8'
  | 'int4'
  | 'uint4'
  | 'bool';

/** An initializer of an ONNX file: where its elements are, and how to have them in memory. */
export interface StoredTensor {
  readonly name: string;
  readonly dtype: StoredType;
  readonly shape: readonly number[];
  /** Bytes of a file, little-endian and row-major, so that ONNX Runtime can map them; none: they are typed fields. */
  readonly location?: { readonly file: string; readonly offset: number; readonly length: number };
  /** The elements, as they are stored; floats of 16 bits as float32. */
  read(): Promise<HostTensor>;
}

/** How MatMulNBits packs a weight [out, in]: the tensor is uint8 [out, blocks of a row, bytes of a block]. */
export interface Quantization {
  readonly bits: number;
  /** Columns of the weight: the last block of a row may be filled up. */
  readonly columns: number;
  /** Columns that share a scale. */
  readonly blockSize: number;
  /** [out · blocks of a row] */
  readonly scales: StoredTensor;
  /** Packed as the weight is, or floats; none: the middle, 2^(bits − 1). */
  readonly zeroPoints?: StoredTensor;
}

/** How a parameter is stored, where that is not as PyTorch has it. */
export interface StoredParameter {
  readonly tensor: StoredTensor;
  /** The tensor is the parameter's transpose. */
  readonly transposed: boolean;
  /** What the exporter added to each element (Gemma's folded 1 + w: 1); to be taken off again. Default 0. */
  readonly offset?: number;
  /** Only these of the stored tensor's rows or columns are the parameter's (projections stored as one). */
  readonly slice?: { readonly axis: number; readonly start: number; readonly length: number };
  /** The tensor holds packed integers: each element is (integer − zero point) · scale of its block of columns. */
  readonly quantized?: Quantization;
  /** Where else the file holds the same parameter: tied weights, and what exporters duplicate. */
  readonly copies?: readonly StoredParameter[];
}
