/** @file Writes an ONNX file whose weights pass by piece by piece, into the file itself or into one beside it. */
import { type FileHandle, open } from 'node:fs/promises';
import { basename } from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import {
  type GraphProto,
  GraphProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  TensorProto_DataLocation,
  TensorProtoSchema,
} from '../../onnx/onnx_pb.js';
import { bytesOf, type DataType, type HostTensor, onnxType, typeOfTensor } from '../../onnx/tensor.js';

/** An initializer to be written. */
export interface OutgoingTensor {
  readonly name: string;
  readonly dtype: DataType;
  readonly shape: readonly number[];
  readonly bytes: number;
  /** The elements' bytes, little-endian and row-major, in order. */
  pieces(): Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
}

/** A tensor that is in memory as a whole. */
export function outgoingTensor(name: string, tensor: HostTensor): OutgoingTensor {
  const bytes = bytesOf(tensor.data);
  return {
    name,
    dtype: typeOfTensor(tensor),
    shape: tensor.shape,
    bytes: bytes.length,
    pieces: () => [bytes],
  };
}

/** From so many bytes on, weights stand in a file of their own: protobuf ends at 2 GB. */
export const externalFromBytes = 1.5e9;
/** Smaller tensors stay in the file in any case: ONNX Runtime wants to see shapes and axes there. */
const smallestExternalBytes = 1024;
/** Windows maps files at multiples of this. */
const alignment = 65_536;
const alignedFromBytes = 1 << 20;

// Tags of length-delimited fields in onnx.proto: (number << 3) | 2.
const modelGraphTag = (7 << 3) | 2;
const graphInitializerTag = (5 << 3) | 2;
const tensorRawDataTag = (9 << 3) | 2;

/**
 * Writes `path`, and `path` + `_data` where `external`.
 *
 * @param model its graph's initializers are not looked at
 * @returns the names of the files written
 */
export async function writeOnnx(
  path: string,
  model: ModelProto,
  tensors: readonly OutgoingTensor[],
  { external }: { readonly external: boolean },
): Promise<string[]> {
  const dataPath = `${path}_data`;
  const outside = external ? tensors.filter(({ bytes }) => bytes >= smallestExternalBytes) : [];
  const places = new Map<OutgoingTensor, number>();
  let end = 0;
  for (const tensor of outside) {
    const start = tensor.bytes >= alignedFromBytes ? Math.ceil(end / alignment) * alignment : end;
    places.set(tensor, start);
    end = start + tensor.bytes;
  }
  if (outside.length > 0) {
    await withFile(dataPath, async (file) => {
      for (const tensor of outside) await writePieces(file, tensor, places.get(tensor));
    });
  }
  await withFile(path, async (file) => {
    await writeModel(file, model, tensors, (tensor) => {
      const offset = places.get(tensor);
      return offset === undefined ? undefined : { location: basename(dataPath), offset };
    });
  });
  return outside.length > 0 ? [basename(path), basename(dataPath)] : [basename(path)];
}

type Place = { readonly location: string; readonly offset: number } | undefined;

async function writeModel(
  file: FileHandle,
  model: ModelProto,
  tensors: readonly OutgoingTensor[],
  placeOf: (tensor: OutgoingTensor) => Place,
): Promise<void> {
  const { graph = create(GraphProtoSchema), ...rest } = model;
  const bare: GraphProto = { ...graph, initializer: [] };
  const graphBytes = toBinary(GraphProtoSchema, bare);
  const heads = tensors.map((tensor) => head(tensor, placeOf(tensor)));
  const total = tensors.reduce((sum, tensor, i) => {
    const size = sizeOfTensor(tensor, heads[i] as Uint8Array, placeOf(tensor));
    return sum + 1 + varint(size).length + size;
  }, graphBytes.length);
  await file.write(toBinary(ModelProtoSchema, { ...rest, graph: undefined }));
  await file.write(Buffer.concat([Buffer.of(modelGraphTag), varint(total), graphBytes]));
  for (const [i, tensor] of tensors.entries()) {
    const start = heads[i] as Uint8Array;
    const size = sizeOfTensor(tensor, start, placeOf(tensor));
    await file.write(Buffer.concat([Buffer.of(graphInitializerTag), varint(size), start]));
    if (placeOf(tensor) !== undefined) continue;
    await file.write(Buffer.concat([Buffer.of(tensorRawDataTag), varint(tensor.bytes)]));
    await writePieces(file, tensor);
  }
}

/** Everything of a tensor but its elements. */
function head({ name, dtype, shape, bytes }: OutgoingTensor, place: Place): Uint8Array {
  const external =
    place === undefined
      ? {}
      : {
          dataLocation: TensorProto_DataLocation.EXTERNAL,
          externalData: [
            { key: 'location', value: place.location },
            { key: 'offset', value: String(place.offset) },
            { key: 'length', value: String(bytes) },
          ],
        };
  const proto = create(TensorProtoSchema, {
    name,
    dims: shape.map(BigInt),
    dataType: onnxType(dtype),
    ...external,
  });
  return toBinary(TensorProtoSchema, proto);
}

function sizeOfTensor({ bytes }: OutgoingTensor, start: Uint8Array, place: Place): number {
  return place === undefined ? start.length + 1 + varint(bytes).length + bytes : start.length;
}

async function writePieces(file: FileHandle, tensor: OutgoingTensor, position?: number): Promise<void> {
  let done = 0;
  for await (const piece of tensor.pieces()) {
    for (let at = 0; at < piece.length;) {
      const where = position === undefined ? null : position + done + at;
      at += (await file.write(piece, at, piece.length - at, where)).bytesWritten;
    }
    done += piece.length;
  }
  if (done !== tensor.bytes)
    throw new Error(`${tensor.name}: ${done} bytes came, and ${tensor.bytes} were announced`);
}

async function withFile(path: string, write: (file: FileHandle) => Promise<void>): Promise<void> {
  const file = await open(path, 'wx');
  try {
    await write(file);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Protobuf's integer: seven bits a byte, the lowest first. */
function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  return Buffer.of(...bytes, rest);
}
