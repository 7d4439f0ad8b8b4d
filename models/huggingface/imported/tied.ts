/** @file Whether two stored tensors are the same parameter. */
import { open } from 'node:fs/promises';
import type { StoredParameter } from '../../../onnx/stored.js';

/** How many elements are compared: weights that differ, differ nearly everywhere. */
const samples = 64;

/** Whether two matrices hold the same elements, looked at in a few places, since a vocabulary's matrix is large. */
export async function areTied(a: StoredParameter, b: StoredParameter): Promise<boolean> {
  const [rows, columns] = shapeOf(a);
  const other = shapeOf(b);
  if (rows === undefined || columns === undefined || other[0] !== rows || other[1] !== columns) return false;
  if (a.tensor.dtype !== b.tensor.dtype) return false;
  const [left, right] = await Promise.all([elementReader(a), elementReader(b)]);
  try {
    for (let i = 0; i < samples; i++) {
      // Spread over both axes; the two steps have no common factor with most sizes.
      const [row, column] = [(i * 7919) % rows, (i * 104729) % columns];
      const [x, y] = [await left.at(row, column), await right.at(row, column)];
      if (!x.equals(y)) return false;
    }
    return true;
  } finally {
    await left.close();
    await right.close();
  }
}

/** In PyTorch's layout. */
function shapeOf({ tensor, transposed }: StoredParameter): readonly number[] {
  return transposed ? [...tensor.shape].reverse() : tensor.shape;
}

interface ElementReader {
  at(row: number, column: number): Promise<Buffer>;
  close(): Promise<void>;
}

async function elementReader(stored: StoredParameter): Promise<ElementReader> {
  const { tensor, transposed } = stored;
  const width = tensor.shape[1] as number;
  const indexOf = (row: number, column: number) => (transposed ? column * width + row : row * width + column);
  if (tensor.location === undefined) {
    const { data } = await tensor.read();
    return {
      at: async (row, column) => Buffer.from(String(data[indexOf(row, column)])),
      close: async () => undefined,
    };
  }
  const { file, offset, length } = tensor.location;
  const size = length / (tensor.shape[0] as number) / width;
  const handle = await open(file);
  return {
    async at(row, column) {
      const bytes = Buffer.alloc(size);
      await handle.read(bytes, 0, size, offset + indexOf(row, column) * size);
      return bytes;
    },
    close: () => handle.close(),
  };
}
