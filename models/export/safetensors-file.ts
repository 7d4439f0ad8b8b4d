/** @file A safetensors file of any size, tensor after tensor: none but the one being written needs to be in memory. */
import { type FileHandle, open } from 'node:fs/promises';
import { bytesOf, type HostTensor, sizeOf } from '../../onnx/tensor.js';
import type { NewValue } from './parts.js';

export interface OutgoingWeight {
  readonly name: string;
  readonly shape: readonly number[];
  readonly value: NewValue;
}

/** Writes float32 tensors in the order of their names, marked as PyTorch's, as transformers asks for. */
export async function writeWeights(path: string, weights: readonly OutgoingWeight[]): Promise<void> {
  const sorted = [...weights].sort((a, b) => (a.name < b.name ? -1 : 1));
  const header: Record<string, unknown> = { __metadata__: { format: 'pt' } };
  let offset = 0;
  for (const { name, shape } of sorted) {
    const end = offset + 4 * sizeOf(shape);
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, end] };
    offset = end;
  }
  const text = Buffer.from(JSON.stringify(header));
  const start = Buffer.alloc(8 + Math.ceil(text.length / 8) * 8, ' ');
  start.writeBigUInt64LE(BigInt(start.length - 8), 0);
  text.copy(start, 8);
  const file = await open(path, 'wx');
  try {
    await writeAll(file, start);
    for (const weight of sorted) await writeAll(file, bytesOf((await valueOf(weight)).data));
    await file.sync();
  } finally {
    await file.close();
  }
}

async function valueOf({ name, shape, value }: OutgoingWeight): Promise<HostTensor> {
  const tensor = typeof value === 'function' ? await value() : value;
  if (tensor.shape.join() !== shape.join())
    throw new Error(`${name} is [${tensor.shape.join(', ')}], and [${shape.join(', ')}] was announced`);
  return tensor;
}

const longestWrite = 1 << 30;

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;)
    at += (await file.write(bytes, at, Math.min(bytes.length - at, longestWrite))).bytesWritten;
}
