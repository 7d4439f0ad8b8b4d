/**
 * @file Safetensors files (https://github.com/huggingface/safetensors): a JSON header that says where each
 * tensor lies, then the bytes. The same tensors always make the same bytes. Here in memory; see safetensors-file.ts.
 */
import {
  allocate,
  bytesOf,
  type DataType,
  dtypeOf,
  type HostTensor,
  sizeOf,
  type TensorData,
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

/** A tensor as a header has it, its bytes aside. */
export interface FileTensor {
  readonly name: string;
  readonly dtype: DataType;
  readonly shape: readonly number[];
}

/** The bytes before the tensors, padded to a multiple of 8, and the tensors in the order in which theirs follow. */
export function startOfFile<Outgoing extends FileTensor>(
  tensors: readonly Outgoing[],
  metadata: Readonly<Record<string, string>>,
): { start: Buffer; sorted: Outgoing[]; bytes: number } {
  const header: Record<string, unknown> = {};
  const sorted = [...tensors].sort((a, b) => (a.name < b.name ? -1 : 1));
  if (Object.keys(metadata).length > 0)
    header['__metadata__'] = Object.fromEntries(Object.entries(metadata).sort());
  let offset = 0;
  for (const { name, dtype, shape } of sorted) {
    const type = names[dtype];
    if (type === undefined) {
      throw new SafetensorsError(`tensor ${name}: the format has no type for elements of ${dtype}`);
    }
    const end = offset + sizeOf(shape) * bytesPerElement(dtype);
    header[name] = { dtype: type, shape, data_offsets: [offset, end] };
    offset = end;
  }
  const text = Buffer.from(JSON.stringify(header));
  const start = Buffer.alloc(8 + Math.ceil(text.length / 8) * 8, ' ');
  start.writeBigUInt64LE(BigInt(start.length - 8), 0);
  text.copy(start, 8);
  return { start, sorted, bytes: start.length + offset };
}

/** A tensor with its name and type, its elements counted. */
export function toFileTensor(name: string, tensor: HostTensor): FileTensor & { readonly data: TensorData } {
  const { shape, data } = tensor;
  if (sizeOf(shape) !== data.length) {
    throw new SafetensorsError(`tensor ${name}: ${data.length} elements do not fill [${shape.join(', ')}]`);
  }
  return { name, dtype: typeOfTensor(tensor), shape, data };
}

/** The file's bytes: tensors in the order of their names, the header padded to a multiple of 8. */
export function writeSafetensors(
  tensors: Readonly<Record<string, HostTensor>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const all = Object.entries(tensors).map(([name, tensor]) => toFileTensor(name, tensor));
  const { start, sorted, bytes } = startOfFile(all, metadata);
  const file = Buffer.alloc(bytes);
  file.set(start);
  let at = start.length;
  for (const { data } of sorted) {
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
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const bodyStart = 8 + headerLength(file.subarray(0, 8), file.length, what);
  const header = parseHeader(file.subarray(8, bodyStart), file.length - bodyStart, what);
  const tensors = header.tensors.map((tensor) => {
    const read = emptyTensor(tensor);
    bytesOf(read.data).set(file.subarray(bodyStart + tensor.start, bodyStart + tensor.end));
    return [tensor.name, read] as const;
  });
  return { tensors: Object.fromEntries(tensors), metadata: header.metadata };
}

/** A tensor of a header: its bytes lie from `start` up to `end`, counted from the header's end. */
export interface PlacedTensor extends FileTensor {
  readonly start: number;
  readonly end: number;
}

/**
 * How long the header is, by the file's first bytes.
 *
 * @throws SafetensorsError where a file of `fileBytes` cannot hold it
 */
export function headerLength(first: Buffer, fileBytes: number, what: string): number {
  if (first.length < 8)
    return refuse(what)(`it has ${first.length} bytes, and the length of its header alone takes 8`);
  const length = Number(first.readBigUInt64LE(0));
  if (length > longestHeader || 8 + length > fileBytes)
    return refuse(what)(`its header is said to take ${length} bytes, and ${fileBytes - 8} follow`);
  return length;
}

/**
 * What a header says, before anything is allocated for it.
 *
 * @param bodyBytes how many bytes follow the header
 * @throws SafetensorsError where the two do not fit
 */
export function parseHeader(
  text: Buffer,
  bodyBytes: number,
  what: string,
): { tensors: PlacedTensor[]; metadata: Readonly<Record<string, string>> } {
  const fail = refuse(what);
  const { __metadata__: metadata = {}, ...entries } = parseObject(text.toString('utf8'), fail);
  const tensors = Object.entries(entries).map(([name, entry]) => ({
    name,
    ...placed(entry, bodyBytes, (problem) => fail(`tensor ${name} ${problem}`)),
  }));
  const total = tensors.reduce((sum, { start, end }) => sum + end - start, 0);
  if (total !== bodyBytes) fail(`its tensors take ${total} bytes, and ${bodyBytes} follow the header`);
  return { tensors, metadata: metadata as Record<string, string> };
}

/** Of zeros, to be read into. */
export function emptyTensor({ dtype, shape }: FileTensor): HostTensor {
  const data = allocate(dtype, sizeOf(shape));
  return dtypeOf(data) === dtype ? { shape, data } : { shape, data, dtype };
}

/** Throws what is wrong with the file `what`. */
export function refuse(what: string): (problem: string) => never {
  return (problem) => {
    throw new SafetensorsError(`${what} is not a safetensors file: ${problem}`);
  };
}

function bytesPerElement(dtype: DataType): number {
  return allocate(dtype, 0).BYTES_PER_ELEMENT;
}

function parseObject(text: string, fail: (problem: string) => never): Record<string, unknown> {
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

function placed(
  entry: unknown,
  bodyBytes: number,
  fail: (problem: string) => never,
): Omit<PlacedTensor, 'name'> {
  if (!isEntry(entry)) return fail('lacks a dtype, a shape or data_offsets of the right form');
  const { shape } = entry;
  const dtype = (Object.keys(names) as DataType[]).find((key) => names[key] === entry.dtype);
  if (dtype === undefined) {
    return fail(`has elements of type ${entry.dtype}: only ${Object.values(names).join(', ')} are read`);
  }
  const [start, end] = entry.data_offsets;
  if (start > end || end > bodyBytes) return fail(`lies at ${start}…${end} of ${bodyBytes} bytes`);
  const bytes = sizeOf(shape) * bytesPerElement(dtype);
  if (bytes !== end - start)
    return fail(`takes ${bytes} bytes as ${entry.dtype} [${shape.join(', ')}], and is given ${end - start}`);
  return { dtype, shape, start, end };
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
