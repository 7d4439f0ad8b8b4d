/** @file Opening an ONNX file: its graph is parsed, its weights are only located, in it or in files beside it. */
import { open } from 'node:fs/promises';
import { fromBinary } from '@bufbuild/protobuf';
import { messageOf, UserError } from '../../base/errors.js';
import { type GraphProto, GraphProtoSchema, ModelProtoSchema, TensorProtoSchema } from '../onnx_pb.js';
import type { StoredTensor } from '../stored.js';
import { locate, type LocatedTensor, takeOutConstants } from './locate.js';
import { inOrder } from './order.js';
import { inlineFunctions } from './readers/functions.js';
import { WireError, type WireField, WireFile } from './wire.js';

/** An ONNX file somebody exported. */
export interface OnnxFile {
  readonly path: string;
  /** Its graph, without the initializers; functions stand in the place of their calls. */
  readonly graph: GraphProto;
  /** Version of each domain's operators, '' being ONNX's own. */
  readonly opsets: ReadonlyMap<string, number>;
  readonly irVersion: bigint;
  /** Who wrote it: `pytorch 2.15.0`. */
  readonly producer: string;
  /** The initializers, by name, in the file's order. */
  readonly weights: ReadonlyMap<string, StoredTensor>;
}

// Numbers of fields in onnx.proto.
const modelGraph = 7;
const graphInitializer = 5;
const graphSparseInitializer = 15;
const tensorRawData = 9;

/**
 * Opens an ONNX file. Of weights only names, types, shapes and places are read, so a file of any size opens in a
 * moment and in little memory.
 *
 * @throws UserError for a file that is missing, not ONNX, or truncated, and for external data that are missing or too short
 */
export async function openOnnx(path: string): Promise<OnnxFile> {
  const handle = await open(path).catch((error: unknown) => {
    throw new UserError(`${path} cannot be opened: ${messageOf(error)}`);
  });
  try {
    const { size } = await handle.stat();
    const file = new WireFile(handle, size);
    return await readModel(path, file).catch(async (error: unknown) => {
      if (error instanceof WireError) throw await notOnnx(path, file, error);
      throw error;
    });
  } finally {
    await handle.close();
  }
}

async function readModel(path: string, file: WireFile): Promise<OnnxFile> {
  const modelParts: WireField[] = [];
  const graphParts: WireField[] = [];
  const tensors: LocatedTensor[] = [];
  for await (const field of file.fields(0, file.size)) {
    if (field.number !== modelGraph || !field.isCounted) {
      modelParts.push(field);
      continue;
    }
    for await (const part of file.fields(field.valueStart, field.end)) {
      if (part.number === graphInitializer) tensors.push(await readTensor(file, part));
      else graphParts.push(part);
    }
  }
  if (graphParts.length === 0) throw new WireError('it holds no graph', file.size === 0);
  if (graphParts.some(({ number }) => number === graphSparseInitializer)) {
    throw new UserError(`${path} has sparse initializers: export it again with dense weights`);
  }
  const model = decode(ModelProtoSchema, await gather(file, modelParts));
  const graph = decode(GraphProtoSchema, await gather(file, graphParts));
  if (model.opsetImport.length === 0) throw new WireError('it names no operator set', false);
  const sizes = new Map([[path, file.size]]);
  const weights = await locate(path, sizes, tensors);
  await takeOutConstants(path, sizes, graph, weights);
  const inlined = inlineFunctions({ graph, functions: model.functions });
  inlined.node = inOrder(path, inlined.node);
  return {
    path,
    graph: inlined,
    opsets: new Map(
      model.opsetImport.map(({ domain, version }) => [plainDomain(domain), Number(version)] as const),
    ),
    irVersion: model.irVersion,
    producer: `${model.producerName} ${model.producerVersion}`.trim(),
    weights,
  };
}

/** `ai.onnx` is another name of ONNX's own domain. */
export function plainDomain(domain: string): string {
  return domain === 'ai.onnx' ? '' : domain;
}

function decode<S extends Parameters<typeof fromBinary>[0]>(schema: S, bytes: Uint8Array) {
  try {
    return fromBinary(schema, bytes);
  } catch (error) {
    throw new WireError(messageOf(error), false);
  }
}

async function gather(file: WireFile, fields: readonly WireField[]): Promise<Uint8Array> {
  const bytes = new Uint8Array(fields.reduce((sum, { start, end }) => sum + end - start, 0));
  let at = 0;
  for (const { start, end } of fields) {
    bytes.set(await file.bytes(start, end), at);
    at += end - start;
  }
  return bytes;
}

async function readTensor(file: WireFile, field: WireField): Promise<LocatedTensor> {
  const parts: WireField[] = [];
  let raw: WireField | undefined;
  for await (const part of file.fields(field.valueStart, field.end)) {
    if (part.number === tensorRawData) raw = part;
    else parts.push(part);
  }
  const proto = decode(TensorProtoSchema, await gather(file, parts));
  return raw === undefined ? { proto } : { proto, raw };
}

async function notOnnx(path: string, file: WireFile, error: WireError): Promise<UserError> {
  if (file.size === 0) return new UserError(`${path} is empty: download or export it again`);
  const beginning = new TextDecoder().decode(await file.bytes(0, Math.min(40, file.size)));
  if (beginning.startsWith('version https://git-lfs')) {
    return new UserError(
      `${path} is a pointer of Git LFS and not the model itself: fetch it with "git lfs pull", or give the model's hub id`,
    );
  }
  const what = error.isTruncated ? 'is truncated' : 'is not an ONNX file, or damaged';
  return new UserError(`${path} ${what} (${file.size} bytes; ${error.message}): download or export it again`);
}
