/** @file A stored parameter's elements in PyTorch's layout. */
import type { ParameterSpec } from '../../../onnx/program.js';
import type { Quantization, StoredParameter } from '../../../onnx/stored.js';
import { type HostTensor, sizeOf } from '../../../onnx/tensor.js';

type Floats = HostTensor<Float32Array>;

/**
 * The elements of a parameter in PyTorch's layout, as float32: turned back, the exporter's offset taken off, unpacked.
 */
export async function readParameter({ name, stored }: ParameterSpec): Promise<Floats> {
  if (stored === undefined) throw new Error(`${name} is not stored in a file`);
  const { transposed, offset = 0, slice } = stored;
  let tensor = await readFloats(stored);
  if (slice !== undefined) tensor = sliced(tensor, slice);
  if (transposed) tensor = turned(tensor);
  if (offset !== 0)
    for (let i = 0; i < tensor.data.length; i++) tensor.data[i] = (tensor.data[i] as number) - offset;
  return tensor;
}

async function readFloats({ tensor, quantized }: StoredParameter): Promise<Floats> {
  const { shape, data } = await tensor.read();
  if (quantized !== undefined) return unpacked(shape[0] as number, data as Uint8Array, quantized);
  // What is read from a file is new every time; what came with the graph is copied, since trainings write into it.
  const isNew = tensor.location !== undefined && data instanceof Float32Array;
  return { shape, data: isNew ? data : Float32Array.from(data as ArrayLike<number>) };
}

function sliced(
  { shape, data }: Floats,
  { axis, start, length }: NonNullable<StoredParameter['slice']>,
): Floats {
  const inner = sizeOf(shape.slice(axis + 1));
  const outer = sizeOf(shape.slice(0, axis));
  const size = shape[axis] as number;
  const part = new Float32Array(outer * length * inner);
  for (let i = 0; i < outer; i++) {
    const from = (i * size + start) * inner;
    part.set(data.subarray(from, from + length * inner), i * length * inner);
  }
  return { shape: shape.map((dim, i) => (i === axis ? length : dim)), data: part };
}

function turned({ shape, data }: Floats): Floats {
  const [rows, columns] = shape as [number, number];
  const result = new Float32Array(data.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      result[column * rows + row] = data[row * columns + column] as number;
    }
  }
  return { shape: [columns, rows], data: result };
}

/** (integer − zero point) · scale, block by block: what MatMulNBits multiplies by. */
async function unpacked(rows: number, packed: Uint8Array, how: Quantization): Promise<Floats> {
  const { bits, blockSize, columns } = how;
  const blocks = Math.ceil(columns / blockSize);
  const scales = (await how.scales.read()).data as Float32Array;
  const zeros = await how.zeroPoints?.read();
  const perByte = 8 / bits;
  const largest = 2 ** bits - 1;
  const integerAt = (bytes: Uint8Array, rowBytes: number, row: number, i: number) =>
    ((bytes[row * rowBytes + Math.floor(i / perByte)] as number) >> (bits * (i % perByte))) & largest;
  const zeroBytes = Math.ceil((blocks * bits) / 8);
  const zeroAt = (row: number, block: number): number => {
    if (zeros === undefined) return 2 ** (bits - 1);
    if (zeros.data instanceof Uint8Array) return integerAt(zeros.data, zeroBytes, row, block);
    return Number(zeros.data[row * blocks + block]);
  };
  const weightBytes = (blocks * blockSize) / perByte;
  const data = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const block = Math.floor(column / blockSize);
      const integer = integerAt(packed, weightBytes, row, column);
      data[row * columns + column] =
        (integer - zeroAt(row, block)) * (scales[row * blocks + block] as number);
    }
  }
  return { shape: [rows, columns], data };
}
