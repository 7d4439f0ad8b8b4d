/**
 * @file Safetensors files of any size, written and read tensor after tensor: Node reads no more than 2 GiB of a file at
 * once, and a second copy of the weights of a training may be more than there is memory for.
 */
import { type FileHandle, open } from 'node:fs/promises';
import {
  emptyTensor,
  type FileTensor,
  headerLength,
  parseHeader,
  refuse,
  SafetensorsError,
  type SafetensorsFile,
  startOfFile,
  toFileTensor,
} from './safetensors.js';
import type { HostTensor, TensorData } from './tensor.js';

/** A tensor to be written; a function is called when it is its turn, so that one after the other is in memory. */
export interface OutgoingTensor extends FileTensor {
  readonly value: HostTensor | (() => Promise<HostTensor>);
}

/** How many bytes go into one call of the system: large enough that the calls' own time does not show. */
const callBytes = 64 * 2 ** 20;

/**
 * Writes a new file, the same bytes as `writeSafetensors`, and syncs it. What is left after an error is the caller's to
 * remove.
 *
 * @throws SafetensorsError for a tensor that is not what was announced; the system's error where there is no space
 */
export async function writeSafetensorsFile(
  path: string,
  tensors: readonly OutgoingTensor[],
  metadata: Readonly<Record<string, string>> = {},
  atOnce = callBytes,
): Promise<void> {
  const { start, sorted } = startOfFile(tensors, metadata);
  const file = await open(path, 'wx');
  try {
    await writeAll(file, start, atOnce);
    for (const tensor of sorted) await writeAll(file, await elementsOf(tensor), atOnce);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Tensors that are in memory, as they are handed to {@link writeSafetensorsFile}. */
export function outgoing(tensors: Readonly<Record<string, HostTensor>>): OutgoingTensor[] {
  return Object.entries(tensors).map(([name, value]) => {
    const { dtype, shape } = toFileTensor(name, value);
    return { name, dtype, shape, value };
  });
}

/**
 * Reads a file, each tensor straight into its own array.
 *
 * @throws SafetensorsError as `readSafetensors`, before memory is taken for any tensor
 */
export async function readSafetensorsFile(path: string, atOnce = callBytes): Promise<SafetensorsFile> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const first = Buffer.alloc(Math.min(8, size));
    await readAll(file, first, 0, { path, atOnce });
    const text = Buffer.alloc(headerLength(first, size, path));
    await readAll(file, text, 8, { path, atOnce });
    const bodyStart = 8 + text.length;
    const header = parseHeader(text, size - bodyStart, path);
    const tensors: Record<string, HostTensor> = {};
    for (const tensor of header.tensors) {
      const read = emptyTensor(tensor);
      await readAll(file, read.data, bodyStart + tensor.start, { path, atOnce });
      tensors[tensor.name] = read;
    }
    return { tensors, metadata: header.metadata };
  } finally {
    await file.close();
  }
}

async function elementsOf({ name, dtype, shape, value }: OutgoingTensor): Promise<TensorData> {
  const given = toFileTensor(name, typeof value === 'function' ? await value() : value);
  if (given.dtype === dtype && given.shape.join() === shape.join()) return given.data;
  throw new SafetensorsError(
    `tensor ${name} is ${given.dtype} [${given.shape.join(', ')}], and ${dtype} [${shape.join(', ')}] was announced`,
  );
}

async function writeAll(file: FileHandle, data: TensorData, atOnce: number): Promise<void> {
  for (let at = 0; at < data.byteLength;) at += (await file.write(piece(data, at, atOnce))).bytesWritten;
}

async function readAll(
  file: FileHandle,
  data: TensorData,
  position: number,
  { path, atOnce }: { path: string; atOnce: number },
): Promise<void> {
  for (let at = 0; at < data.byteLength;) {
    const part = piece(data, at, atOnce);
    const { bytesRead } = await file.read(part, 0, part.length, position + at);
    if (bytesRead === 0) refuse(path)(`it ended at byte ${position + at} while it was read`);
    at += bytesRead;
  }
}

/** Bytes of an array from `at` on. (An array of bytes over all of a large array of floats may be longer than one can be.) */
function piece({ buffer, byteOffset, byteLength }: TensorData, at: number, atMost: number): Uint8Array {
  return new Uint8Array(buffer, byteOffset + at, Math.min(byteLength - at, atMost));
}
