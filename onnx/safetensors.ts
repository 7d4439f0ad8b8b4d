/**
 * @file Safetensors files (https://github.com/huggingface/safetensors): a JSON header that says where each
 * tensor lies, then the bytes. The same tensors always make the same bytes.
 */
import {
  allocate,
  bytesOf,
  type DataType,
  dtypeOf,
  type HostTensor,
  sizeOf,
  typeOfTensor,
} from './tensor.js';

// The format has no integers of 4 bits.
const names: Readonly<Partial<Record<DataType, string>>> = {
  float32: 'F32',
  float64: 'F64',
  int64: 'I64',
  int32: 'I32',
  bool: 'BOOL',
  float16: 'F16',
  bfloat16: 'BF16',
  uint8: 'U8',
  int8: 'I8',
};

/** The format's own limit of its header. */
const longestHeader = 100_000_000;

/** A file that is not what safetensors prescribes; the message names the file and the tensor. */
export class SafetensorsError extends Error {
  override readonly name = 'SafetensorsError';
}

/** The file's bytes: tensors in the order of their names, the header padded to a multiple of 8. */
export function writeSafetensors(
  tensors: Readonly<Record<string, HostTensor>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const header: Record<string, unknown> = {};
  const sorted = Object.entries(tensors).sort(([a], [b]) => (a < b ? -1 : 1));
  if (Object.keys(metadata).length > 0)
    header['__metadata__'] = Object.fromEntries(Object.entries(metadata).sort());
  let offset = 0;
  for (const [name, tensor] of sorted) {
    const { shape, data } = tensor;
    const dtype = names[typeOfTensor(tensor)];
    if (dtype === undefined) {
      throw new SafetensorsError(
        `tensor ${name}: the format has no type for elements of ${typeOfTensor(tensor)}`,
      );
    }
    if (sizeOf(shape) !== data.length) {
      throw new SafetensorsError(`tensor ${name}: ${data.length} elements do not fill [${shape.join(', ')}]`);
    }
    header[name] = { dtype, shape, data_offsets: [offset, offset + data.byteLength] };
    offset += data.byteLength;
  }
  const text = Buffer.from(JSON.stringify(header));
  const headerLength = Math.ceil(text.length / 8) * 8;
  const file = Buffer.alloc(8 + headerLength + offset, ' ');
  file.writeBigUInt64LE(BigInt(headerLength), 0);
  text.copy(file, 8);
  let at = 8 + headerLength;
  for (const [, { data }] of sorted) {
    file.set(bytesOf(data), at);
    at += data.byteLength;
  }
  return file;
}

export interface SafetensorsFile {
  readonly tensors: Readonly<Record<string, HostTensor>>;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Reads a file's bytes.
 *
 * @param what names the file in messages
 * @throws SafetensorsError for a header that is cut off, is not JSON, or points outside of the file
 */
export function readSafetensors(bytes: Uint8Array, what: string): SafetensorsFile {
  const fail = (problem: string): never => {
    throw new SafetensorsError(`${what} is not a safetensors file: ${problem}`);
  };
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (file.length < 8) fail(`it has ${file.length} bytes, and the length of its header alone takes 8`);
  const headerLength = Number(file.readBigUInt64LE(0));
  if (headerLength > longestHeader || 8 + headerLength > file.length) {
    fail(`its header is said to take ${headerLength} bytes, and ${file.length - 8} follow`);
  }
  const header = parseHeader(file.toString('utf8', 8, 8 + headerLength), fail);
  const { __metadata__: metadata = {}, ...entries } = header;
  const body = file.subarray(8 + headerLength);
  const tensors = Object.entries(entries).map(([name, entry]) => {
    return [name, readTensor(entry, body, (problem) => fail(`tensor ${name} ${problem}`))] as const;
  });
  const total = tensors.reduce((sum, [, { data }]) => sum + data.byteLength, 0);
  if (total !== body.length) fail(`its tensors take ${total} bytes, and ${body.length} follow the header`);
  return { tensors: Object.fromEntries(tensors), metadata: metadata as Record<string, string> };
}

function parseHeader(text: string, fail: (problem: string) => never): Record<string, unknown> {
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch {
    return fail('its header is not JSON');
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header))
    return fail('its header is not an object');
  return header as Record<string, unknown>;
}

function readTensor(entry: unknown, body: Buffer, fail: (problem: string) => never): HostTensor {
  if (!isEntry(entry)) return fail('lacks a dtype, a shape or data_offsets of the right form');
  const dtype = (Object.keys(names) as DataType[]).find((key) => names[key] === entry.dtype);
  if (dtype === undefined) {
    return fail(`has elements of type ${entry.dtype}: only ${Object.values(names).join(', ')} are read`);
  }
  const [start, end] = entry.data_offsets;
  if (start > end || end > body.length) return fail(`lies at ${start}…${end} of ${body.length} bytes`);
  const data = allocate(dtype, sizeOf(entry.shape));
  if (data.byteLength !== end - start) {
    return fail(
      `takes ${data.byteLength} bytes as ${entry.dtype} [${entry.shape.join(', ')}], and is given ${end - start}`,
    );
  }
  bytesOf(data).set(body.subarray(start, end));
  return dtypeOf(data) === dtype ? { shape: entry.shape, data } : { shape: entry.shape, data, dtype };
}

interface Entry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

function isEntry(entry: unknown): entry is Entry {
  if (typeof entry !== 'object' || entry === null) return false;
  const { dtype, shape, data_offsets: offsets } = entry as Partial<Record<keyof Entry, unknown>>;
  const counts = (values: unknown) =>
    Array.isArray(values) && values.every((n) => Number.isSafeInteger(n) && n >= 0);
  return typeof dtype === 'string' && counts(shape) && counts(offsets) && (offsets as unknown[]).length === 2;
}
