/** @file Where the elements of a file's tensors stand: in it, or in files beside it; they are read when asked for. */
import { open, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join, normalize, sep } from 'node:path';
import { codeOf, UserError } from '../../base/errors.js';
import {
  type GraphProto,
  type NodeProto,
  type TensorProto,
  TensorProto_DataLocation as DataLocation,
  TensorProto_DataType as DataTypes,
} from '../onnx_pb.js';
import type { StoredTensor } from '../stored.js';
import { bytesFor, storedTypeOf, tensorOver } from './elements.js';
import { tensorBytes } from './tensor-proto.js';

/** Sizes of the files that were looked at, by path. */
export type FileSizes = Map<string, number>;

/** A tensor without its raw data, and where those stand in the file. */
export interface LocatedTensor {
  readonly proto: TensorProto;
  readonly raw?: { readonly valueStart: number; readonly end: number };
}

/** The initializers by name. */
export async function locate(
  path: string,
  sizes: FileSizes,
  tensors: readonly LocatedTensor[],
): Promise<Map<string, StoredTensor>> {
  const weights = new Map<string, StoredTensor>();
  for (const tensor of tensors) weights.set(tensor.proto.name, await storedTensor(path, sizes, tensor));
  return weights;
}

/**
 * Files with external data may have the tensors of Constant nodes there, too: those become initializers, and what
 * other nodes hold is read in.
 */
export async function takeOutConstants(
  path: string,
  sizes: FileSizes,
  graph: GraphProto,
  weights: Map<string, StoredTensor>,
): Promise<void> {
  const taken = new Set<NodeProto>();
  for (const node of graph.node) {
    const tensor = node.opType === 'Constant' ? node.attribute[0]?.t : undefined;
    const name = node.output[0];
    if (tensor?.dataLocation !== DataLocation.EXTERNAL || name === undefined) continue;
    tensor.name = name;
    weights.set(name, await storedTensor(path, sizes, { proto: tensor }));
    taken.add(node);
  }
  graph.node = graph.node.filter((node) => !taken.has(node));
  await readIn(path, sizes, graph);
}

async function readIn(path: string, sizes: FileSizes, graph: GraphProto): Promise<void> {
  for (const { t: tensor, g: inner } of graph.node.flatMap(({ attribute }) => attribute)) {
    if (inner !== undefined) await readIn(path, sizes, inner);
    if (tensor?.dataLocation !== DataLocation.EXTERNAL) continue;
    const { location } = await storedTensor(path, sizes, { proto: tensor });
    if (location === undefined) continue;
    tensor.rawData = await readBytes(`${path}: a constant`, location);
    tensor.dataLocation = DataLocation.DEFAULT;
    tensor.externalData = [];
  }
}

async function storedTensor(
  path: string,
  sizes: FileSizes,
  { proto, raw }: LocatedTensor,
): Promise<StoredTensor> {
  const shape = proto.dims.map(Number);
  const dtype = storedTypeOf(proto.dataType);
  if (dtype === undefined) {
    const given = DataTypes[proto.dataType] ?? proto.dataType;
    throw new UserError(
      `${path}: weight "${proto.name}" has elements of type ${given}, which Temper does not read: ` +
        'export the model with float32, float16 or 4-bit (MatMulNBits) weights',
    );
  }
  const expected = bytesFor(dtype, shape);
  const describe = `${path}: weight "${proto.name}" (${dtype}[${shape.join(', ')}])`;
  if (proto.dataLocation !== DataLocation.EXTERNAL && raw === undefined) {
    const bytes = tensorBytes(proto);
    if (bytes.length !== expected) {
      throw new UserError(
        `${describe} has ${bytes.length} bytes instead of ${expected}: export the model again`,
      );
    }
    return { name: proto.name, dtype, shape, read: async () => tensorOver(dtype, shape, bytes) };
  }
  const location =
    raw === undefined
      ? await externalLocation(describe, dirname(path), sizes, proto, expected)
      : { file: path, offset: raw.valueStart, length: raw.end - raw.valueStart };
  if (location.length !== expected) {
    throw new UserError(
      `${describe} has ${location.length} bytes instead of ${expected}: export the model again`,
    );
  }
  const read = async () => tensorOver(dtype, shape, await readBytes(describe, location));
  return { name: proto.name, dtype, shape, location, read };
}

type Location = NonNullable<StoredTensor['location']>;

async function externalLocation(
  describe: string,
  folder: string,
  sizes: FileSizes,
  proto: TensorProto,
  expected: number,
): Promise<Location> {
  const entries = new Map(proto.externalData.map(({ key, value }) => [key, value]));
  const name = normalize(entries.get('location') ?? '');
  if (name === '.' || isAbsolute(name) || name.split(sep)[0] === '..') {
    throw new UserError(`${describe} is said to be in the file "${name}", which is not beside the model`);
  }
  const file = join(folder, name);
  const size = sizes.get(file) ?? (await sizeOfFile(describe, file, name));
  sizes.set(file, size);
  const offset = Number(entries.get('offset') ?? 0);
  const length = entries.has('length') ? Number(entries.get('length')) : expected;
  if (offset + length > size) {
    throw new UserError(
      `${describe} is said to be at bytes ${offset} to ${offset + length} of ${file}, which has ${size}: ` +
        'that file is truncated or belongs to another model; download or copy it again, together with the .onnx file',
    );
  }
  return { file, offset, length };
}

async function sizeOfFile(describe: string, file: string, name: string): Promise<number> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    throw new UserError(
      `${describe} is in the external file ${file}, which is missing: put ${name} beside the .onnx file, ` +
        'as it was exported (weights over 2 GB are always in a file of their own)',
    );
  }
}

async function readBytes(describe: string, { file, offset, length }: Location): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  const handle = await open(file);
  try {
    let done = 0;
    while (done < length) {
      // Node reads at most 2 GiB at a time.
      const { bytesRead } = await handle.read(bytes, done, Math.min(length - done, 1 << 30), offset + done);
      if (bytesRead === 0) throw new UserError(`${describe}: ${file} ended at byte ${offset + done}`);
      done += bytesRead;
    }
  } finally {
    await handle.close();
  }
  return bytes;
}
