/** @file The file a model came in, with its trained weights in place of the old ones. */
import { basename, join } from 'node:path';
import { mkdir } from 'node:fs/promises';
import { create } from '@bufbuild/protobuf';
import { UserError } from '../../base/errors.js';
import type { JsonObject } from '../../base/json.js';
import type { OnnxFile } from '../../onnx/import/file.js';
import { type GraphProto, type ModelProto, ModelProtoSchema } from '../../onnx/onnx_pb.js';
import type { ParameterSpec } from '../../onnx/definition.js';
import type { StoredParameter, StoredTensor } from '../../onnx/stored.js';
import { sizeOf } from '../../onnx/tensor.js';
import { weightSuffixes } from '../huggingface/folder.js';
import { headsOf } from '../huggingface/imported/genai.js';
import { plainProducts } from './dequantized.js';
import { type ExportedHead, headConfig, withHead } from './head.js';
import { copyCompanions, publishFolder, writeJson } from './model-files.js';
import { externalFromBytes, type OutgoingTensor, outgoingTensor, writeOnnx } from './onnx-writer.js';
import { type NewValue, type Part, valueOf } from './parts.js';
import { type Parameter, rawPieces, storedPieces, withSlices } from './stored-form.js';

export type { NewValue };

export interface MergedModel {
  readonly file: OnnxFile;
  /** Where config.json, the tokenizer and so on are copied from. */
  readonly folder: string;
  readonly config: JsonObject;
  /** All parameters of the network, with the places where the file holds them. */
  readonly parameters: readonly ParameterSpec[];
  /** New values by PyTorch's names, in PyTorch's layout; others stay as they are in the file. */
  readonly values: ReadonlyMap<string, NewValue>;
  /** A head that the file lacks; its logits take the place of the file's outputs. */
  readonly head?: ExportedHead;
}

export interface WrittenModel {
  /** Paths in the folder. */
  readonly files: readonly string[];
  /** Parameters that were 4-bit in the source and are floats in the export. */
  readonly dequantized: readonly string[];
}

/**
 * Writes a folder as transformers.js wants it: `onnx/model.onnx` (and `onnx/model.onnx_data` where the weights exceed
 * 1.5 GB or the source had them apart), config.json, tokenizer. The graph, its inputs and outputs, dynamic axes and
 * element types are those of the source.
 *
 * @throws UserError for a value without a place in the file, or of another shape
 */
export async function writeMerged(model: MergedModel, out: string): Promise<WrittenModel> {
  const { graph: changed, tensors, dequantized } = await newGraph(model);
  const external =
    tensors.reduce((sum, { bytes }) => sum + bytes, 0) > externalFromBytes ||
    [...model.file.weights.values()].some(
      ({ location }) => location !== undefined && location.file !== model.file.path,
    );
  const name = fileName(model.file.path, dequantized.length > 0);
  let files: string[] = [];
  await publishFolder(out, async (temporary) => {
    await mkdir(join(temporary, 'onnx'));
    const path = join(temporary, 'onnx', name);
    files = await writeOnnx(path, modelProto(model.file, changed), tensors, { external });
    await copyCompanions(model.folder, temporary);
    await writeJson(join(temporary, 'config.json'), newConfig(model, files));
  });
  return { files: ['config.json', ...files.map((file) => join('onnx', file))], dequantized };
}

function fileName(source: string, dequantized: boolean): string {
  const suffix = Object.values(weightSuffixes)
    .filter((each) => each !== '')
    .find((each) => basename(source, '.onnx').endsWith(each));
  return dequantized || suffix === undefined ? 'model.onnx' : `model${suffix}.onnx`;
}

/** transformers.js fetches what stands apart only where it is told to. */
function newConfig({ config, head }: MergedModel, files: readonly string[]): JsonObject {
  const headed = head === undefined ? config : headConfig(config, head);
  const { use_external_data_format: _, ...settings } = (headed['transformers.js_config'] ?? {}) as JsonObject;
  if (files.length > 1) settings['use_external_data_format'] = { [files[0] as string]: files.length - 1 };
  const { 'transformers.js_config': _before, ...rest } = headed;
  return Object.keys(settings).length === 0 ? rest : { ...rest, 'transformers.js_config': settings };
}

function modelProto({ irVersion, producer, opsets }: OnnxFile, graph: GraphProto): ModelProto {
  return create(ModelProtoSchema, {
    irVersion,
    producerName: 'temper',
    docString: `weights trained with Temper; the graph was exported by ${producer || 'an unnamed exporter'}`,
    opsetImport: [...opsets].map(([domain, version]) => ({ domain, version: BigInt(version) })),
    graph,
  });
}

async function newGraph(
  model: MergedModel,
): Promise<{ graph: GraphProto; tensors: OutgoingTensor[]; dequantized: string[] }> {
  const parts = partsByTensor(model);
  const quantized = plainProducts(model.file, parts);
  let { graph } = quantized;
  const tensors: OutgoingTensor[] = [];
  for (const tensor of model.file.weights.values()) {
    const own = parts.get(tensor.name);
    const product = quantized.products.get(tensor.name);
    if (product !== undefined) tensors.push(product);
    else if (quantized.dropped.has(tensor.name)) continue;
    else tensors.push(own === undefined ? unchanged(tensor) : await replaced(tensor, own));
  }
  if (model.head !== undefined) {
    const headed = withHead({ ...model.file, graph, cache: headsOf(model.config) }, model.head);
    graph = headed.graph;
    const kept = tensors.filter(({ name }) => headed.reads.has(name));
    return {
      graph,
      tensors: [...kept, ...headed.added.map(({ name, tensor }) => outgoingTensor(name, tensor))],
      dequantized: [...quantized.names],
    };
  }
  return { graph, tensors, dequantized: [...quantized.names] };
}

/** Stored tensor → the parameters that are written into it. */
function partsByTensor({ file, parameters, values }: MergedModel): Map<string, Part[]> {
  const specs = new Map(parameters.map((spec) => [spec.name, spec]));
  const parts = new Map<string, Part[]>();
  for (const [name, value] of values) {
    const stored = specs.get(name)?.stored;
    if (stored === undefined)
      throw new UserError(
        `${file.path} has no place for the parameter ${name}. It holds ${[...specs.keys()].slice(0, 5).join(', ')}, …`,
      );
    for (const place of [stored, ...(stored.copies ?? [])]) {
      const known = parts.get(place.tensor.name);
      const part = { name, value, stored: place };
      if (known === undefined) parts.set(place.tensor.name, [part]);
      else known.push(part);
    }
  }
  return parts;
}

function unchanged(tensor: StoredTensor): OutgoingTensor {
  const { name, dtype, shape } = tensor;
  const bytes = tensor.location?.length ?? byteLength(tensor);
  return { name, dtype, shape, bytes, pieces: () => rawPieces(tensor) };
}

const bytesOfFloats: Partial<Record<StoredTensor['dtype'], number>> = {
  ...{ float64: 8, int64: 8, float32: 4, int32: 4, float16: 2, bfloat16: 2 },
};

function byteLength({ dtype, shape }: StoredTensor): number {
  const elements = sizeOf(shape);
  return dtype.endsWith('int4') ? Math.ceil(elements / 2) : elements * (bytesOfFloats[dtype] ?? 1);
}

async function replaced(tensor: StoredTensor, parts: readonly Part[]): Promise<OutgoingTensor> {
  const { name, dtype, shape } = tensor;
  const common = { name, dtype, shape, bytes: byteLength(tensor) };
  if (parts.some(({ stored }) => stored.slice !== undefined)) {
    const present = await Promise.all(
      parts.map(async ({ name: part, value, stored }) => ({
        name: part,
        values: await valueOf(value),
        stored,
      })),
    );
    const whole = { tensor, transposed: false };
    return {
      ...common,
      pieces: async function* () {
        yield* storedPieces(name, await withSlices(tensor, present), whole);
      },
    };
  }
  const [{ name: parameter, value, stored } = undefined as never, ...others] = parts;
  if (others.length > 0)
    throw new UserError(
      `"${name}" would be written twice: ${parts.map((part) => part.name).join(' and ')} are one tensor in the file`,
    );
  if (typeof value !== 'function') check(parameter, value, stored);
  return {
    ...common,
    pieces: async function* () {
      yield* storedPieces(parameter, await valueOf(value), stored);
    },
  };
}

/** Wrong shapes are found before anything is written. */
function check(name: string, value: Parameter, stored: StoredParameter): void {
  storedPieces(name, value, stored).next();
}
