/** @file A decoder's file with its attention split, as bytes for a session; its weights stay where they are. */
import { open } from 'node:fs/promises';
import { dirname, relative } from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import type { JsonObject } from '../../base/json.js';
import { valueInfo } from '../../onnx/encode.js';
import { openOnnx } from '../../onnx/import/file.js';
import { tensorProto } from '../../onnx/import/tensor-proto.js';
import {
  type GraphProto,
  ModelProtoSchema,
  type TensorProto,
  TensorProto_DataLocation,
  TensorProtoSchema,
} from '../../onnx/onnx_pb.js';
import type { StoredTensor } from '../../onnx/stored.js';
import { onnxType } from '../../onnx/tensor.js';
import { splitGraph, wantedPositions } from './split-attention.js';
import type { DecoderSignature } from './signature.js';

export interface SplitFile {
  readonly bytes: Uint8Array;
  /** What the places of its weights are relative to. */
  readonly folder: string;
  /** Whether it reads {@link wantedPositions}. */
  readonly chooses: boolean;
}

/** Sizes and axes have to be in the graph itself, where shapes are inferred from them. */
const inlineBytes = 1024;

/** Operator sets before this one have axes as attributes. */
const oldestOpset = 13;

/** Rewrites a file; undefined where its attention is not of the form that is known. */
export async function splitFile(
  path: string,
  config: JsonObject,
  signature: DecoderSignature,
): Promise<SplitFile | undefined> {
  const heads = config['num_attention_heads'] ?? config['n_head'];
  const size = signature.cache[0]?.dims[3];
  if (typeof heads !== 'number' || typeof size !== 'number') return undefined;
  if (signature.cache.some(({ dtype }) => dtype !== 'float32')) return undefined;
  const file = await openOnnx(path);
  if ((file.opsets.get('') ?? 0) < oldestOpset) return undefined;
  const scalar = config['query_pre_attn_scalar'];
  const rewritten = splitGraph(file.graph, new Set(file.weights.keys()), signature, {
    heads,
    scaledBy: typeof scalar === 'number' ? scalar : size,
  });
  if (rewritten === undefined) return undefined;
  const { nodes, constants, chooses } = rewritten;
  const folder = dirname(path);
  const read = new Set(nodes.flatMap(({ input }) => input));
  const graph: GraphProto = file.graph;
  graph.node = nodes;
  // Sizes that were inferred for the old graph.
  graph.valueInfo = [];
  graph.initializer = constants
    .filter(({ name }) => read.has(name))
    .map(({ name, tensor }) => tensorProto(name, tensor));
  for (const weight of file.weights.values()) {
    if (read.has(weight.name)) graph.initializer.push(await initializer(weight, folder));
  }
  if (chooses) {
    graph.input.push(valueInfo(wantedPositions, { dtype: 'int64', shape: ['batch_size', 'wanted'] }));
  }
  graph.output = graph.output.map((output) =>
    output.name === signature.logits
      ? valueInfo(output.name, {
          dtype:
            output.type?.value.case === 'tensorType' && output.type.value.value.elemType === 10
              ? 'float16'
              : 'float32',
          shape: ['batch_size', 'wanted', signature.vocabulary],
        })
      : output,
  );
  const opsets = new Map(file.opsets).set('com.microsoft', 1);
  const model = create(ModelProtoSchema, {
    irVersion: file.irVersion,
    producerName: 'temper',
    opsetImport: [...opsets].map(([domain, version]) => ({ domain, version: BigInt(version) })),
    graph,
  });
  return { bytes: toBinary(ModelProtoSchema, model), folder, chooses };
}

async function initializer(weight: StoredTensor, folder: string): Promise<TensorProto> {
  const { name, dtype, shape, location } = weight;
  if (location === undefined) return tensorProto(name, await weight.read());
  const proto = create(TensorProtoSchema, { name, dims: shape.map(BigInt), dataType: onnxType(dtype) });
  const { file, offset, length } = location;
  if (length <= inlineBytes) {
    proto.rawData = await bytesAt(file, offset, length);
    return proto;
  }
  proto.dataLocation = TensorProto_DataLocation.EXTERNAL;
  const entries = { location: relative(folder, file), offset, length };
  proto.externalData = Object.entries(entries).map(([key, value]) => ({
    $typeName: 'onnx.StringStringEntryProto' as const,
    key,
    value: String(value),
  }));
  return proto;
}

async function bytesAt(path: string, offset: number, length: number): Promise<Uint8Array> {
  const file = await open(path);
  try {
    const bytes = new Uint8Array(length);
    await file.read(bytes, 0, length, offset);
    return bytes;
  } finally {
    await file.close();
  }
}
