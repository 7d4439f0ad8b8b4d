/** @file Parameters as PyTorch has them, in the form that an ONNX file stores them in. */
import { open } from 'node:fs/promises';
import { UserError } from '../../base/errors.js';
import { toBfloat16, toFloat16 } from '../../onnx/half.js';
import type { StoredParameter, StoredTensor, StoredType } from '../../onnx/stored.js';
import { bytesOf, type HostTensor, sizeOf, type TensorData, typeOfTensor } from '../../onnx/tensor.js';

/** Elements of one piece: a large matrix is never held twice. */
const pieceElements = 1 << 20;

const narrowing: Partial<Record<StoredType, (values: Float32Array) => TensorData>> = {
  float32: (values) => values,
  float64: (values) => Float64Array.from(values),
  float16: (values) => toFloat16(values),
  bfloat16: (values) => toBfloat16(values),
};

/** A parameter in PyTorch's layout. */
export type Parameter = HostTensor<Float32Array>;

/**
 * The bytes of the stored tensor, piece by piece: transposed back, with what the exporter had added (Gemma's 1 + w),
 * in the file's element type (to the nearest, ties to even).
 *
 * @throws UserError where the sizes differ, or the file's elements are no floats
 */
export function* storedPieces(
  name: string,
  values: Parameter,
  stored: StoredParameter,
): Generator<Uint8Array> {
  const { tensor, transposed, offset = 0 } = stored;
  const narrow = narrowing[tensor.dtype];
  if (narrow === undefined)
    throw new UserError(`${name} is stored as ${tensor.dtype} ("${tensor.name}"), which no float fits into`);
  const expected = transposed ? [...tensor.shape].reverse() : tensor.shape;
  const fits = transposed
    ? expected.length === 2 && expected.join() === values.shape.join()
    : sizeOf(expected) === values.data.length;
  if (!fits)
    throw new UserError(
      `${name} is [${values.shape.join(', ')}], and the file holds [${tensor.shape.join(', ')}]${transposed ? ', its transpose' : ''} ("${tensor.name}")`,
    );
  const pieces = transposed ? transposedPieces(values) : plainPieces(values.data);
  for (const piece of pieces) {
    yield bytesOf(narrow(offset === 0 ? piece : piece.map((value) => value + offset)));
  }
}

function* plainPieces(data: Float32Array): Generator<Float32Array> {
  for (let at = 0; at < data.length; at += pieceElements) yield data.subarray(at, at + pieceElements);
}

/** Rows of the transpose of [rows, columns], some at a time. */
function* transposedPieces({ shape, data }: Parameter): Generator<Float32Array> {
  const [rows, columns] = shape as [number, number];
  const together = Math.max(1, Math.floor(pieceElements / rows));
  for (let first = 0; first < columns; first += together) {
    const count = Math.min(together, columns - first);
    const piece = new Float32Array(count * rows);
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < count; column++)
        piece[column * rows + row] = data[row * columns + first + column] as number;
    }
    yield piece;
  }
}

/**
 * Puts parameters that are slices of one stored tensor into it; what no slice covers stays.
 *
 * @returns the tensor's elements as float32, in the stored layout
 */
export async function withSlices(
  tensor: StoredTensor,
  parts: readonly { name: string; values: Parameter; stored: StoredParameter }[],
): Promise<Parameter> {
  const before = await tensor.read();
  const data = Float32Array.from(before.data as Float32Array);
  for (const { name, values, stored } of parts) {
    const { transposed, offset = 0, slice } = stored;
    if (slice === undefined) throw new Error(`${name}: not a slice of ${tensor.name}`);
    const [rows = 1, columns = 1] = tensor.shape.length === 1 ? [tensor.shape[0], 1] : tensor.shape;
    const height = slice.axis === 0 ? slice.length : rows;
    const width = slice.axis === 1 ? slice.length : columns;
    if (values.data.length !== height * width)
      throw new UserError(
        `${name} is [${values.shape.join(', ')}]: it does not fill its part of "${tensor.name}"`,
      );
    const [top, left] = slice.axis === 0 ? [slice.start, 0] : [0, slice.start];
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        const from = transposed ? column * height + row : row * width + column;
        data[(top + row) * columns + left + column] = (values.data[from] as number) + offset;
      }
    }
  }
  return { shape: tensor.shape, data };
}

/** A stored tensor's own bytes, piece by piece. */
export async function* rawPieces(tensor: StoredTensor): AsyncGenerator<Uint8Array> {
  if (tensor.location === undefined) {
    yield await smallBytes(tensor);
    return;
  }
  const { file, offset, length } = tensor.location;
  const handle = await open(file);
  try {
    for (let done = 0; done < length;) {
      const piece = new Uint8Array(Math.min(length - done, 4 * pieceElements));
      const { bytesRead } = await handle.read(piece, 0, piece.length, offset + done);
      if (bytesRead === 0) throw new UserError(`${file} ended before the end of "${tensor.name}"`);
      yield piece.subarray(0, bytesRead);
      done += bytesRead;
    }
  } finally {
    await handle.close();
  }
}

/** Of a tensor in typed fields; floats of 16 bits come widened, and go back without loss. */
async function smallBytes(tensor: StoredTensor): Promise<Uint8Array> {
  const host = await tensor.read();
  const widened = typeOfTensor(host) === 'float32' && tensor.dtype !== 'float32';
  const narrow = widened ? narrowing[tensor.dtype] : undefined;
  return bytesOf(narrow === undefined ? host.data : narrow(host.data as Float32Array));
}
