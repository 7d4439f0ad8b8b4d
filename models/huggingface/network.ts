/** @file A model that somebody exported to ONNX, as a network to train. */
import { UserError } from '../../base/errors.js';
import type { JsonObject } from '../../base/json.js';
import { Graph } from '../../onnx/graph.js';
import { type OnnxFile, openOnnx } from '../../onnx/import/file.js';
import { SizedFile } from '../../onnx/import/specialise.js';
import type { ParameterSpec } from '../../onnx/program.js';
import type { Linear, Network, SizedNetwork, Sizes } from '../network.js';
import { contextOf, padIdOf } from './config.js';
import { type FileInputs, fileInputs } from './imported/inputs.js';
import { residualStream } from './imported/layers.js';
import { fileLinears } from './imported/linears.js';
import { fileOutput, mainOutput } from './imported/output.js';
import { fileParameters, type Part, type Place } from './imported/parameters.js';
import { ImportedAtSizes, type ImportedParts } from './imported/sized.js';
import { Wiring } from './imported/uses.js';

export { readParameter } from './imported/read.js';

/** A network that stands in an ONNX file. */
export interface ImportedNetwork extends Network {
  readonly file: OnnxFile;
  /** What the file is fed besides token ids; what it does not take is ignored. */
  readonly takes: ReadonlySet<'mask' | 'positions' | 'segments'>;
  /** Name in the file of the value that a language model's head reads. */
  readonly hiddenName?: string;
}

/**
 * Makes a network of an exported model.
 *
 * @param config config.json, which says what the file does not: its type, sizes, whether weights are tied
 * @throws UserError where the file is damaged or holds what is not read here
 */
export async function importNetwork({
  onnxPath,
  config,
}: {
  onnxPath: string;
  config: JsonObject;
}): Promise<ImportedNetwork> {
  const file = await openOnnx(onnxPath);
  refuseMerged(file);
  const wiring = new Wiring(file);
  const inputs = fileInputs(file, config);
  const parameters = await fileParameters(file, wiring, mainOutput(file).name, config);
  const linears = fileLinears(file, wiring, parameters, config);
  const output = fileOutput(file, linears, config);
  const stream = residualStream(wiring, output.head?.hidden ?? output.name, parameters, config);
  const parts: ImportedParts = {
    path: onnxPath,
    fed: new Map(inputs.fed.map((input) => [input.name, input])),
    parameters,
    linears,
    output,
    paddingRows: paddingRows(parameters.specs, config),
    ...(stream === undefined ? {} : { stream }),
  };
  const context = contextOf(config);
  const sized = new Map<string, Promise<SizedNetwork>>();
  const layers = linears.flatMap((linear) =>
    linear.parts.map((part): [string, Linear] => [part.linear.name, part.linear]),
  );
  return {
    file,
    kind: output.kind,
    parameters: parameters.specs,
    linears: [...new Map(layers).values()],
    width: numberIn(config, onnxPath, 'hidden_size', 'n_embd', 'd_model', 'dim'),
    vocabulary: numberIn(config, onnxPath, 'vocab_size'),
    context,
    takes: new Set(inputs.fed.map(({ role }) => role).filter((role) => role !== 'tokens')),
    ...(output.head === undefined ? {} : { hiddenName: output.head.hidden }),
    at(sizes) {
      if (sizes.length > context) throw tooLong(onnxPath, sizes.length, context);
      const key = `${sizes.batch}×${sizes.length}`;
      const known = sized.get(key) ?? atSizes(file, inputs, parts, sizes);
      sized.set(key, known);
      return known;
    },
  };
}

/** Decoders with and without a past, joined by an If, hold their weights under names that tell nothing. */
function refuseMerged({ path, graph }: OnnxFile): void {
  if (!graph.node.some(({ opType, input }) => opType === 'If' && input[0] === 'use_cache_branch')) return;
  throw new UserError(
    `${path} is a merged decoder (one If over use_cache_branch), which is run but not trained: take model.onnx or ` +
      'decoder_model.onnx of the same model, or export it again (optimum-cli export onnx --task text-generation-with-past)',
  );
}

function tooLong(path: string, length: number, context: number): UserError {
  return new UserError(
    `sequences of ${length} tokens are longer than the ${context} positions that ${path} has: ` +
      'cut them off (--max-length), or take a model with more positions',
  );
}

function numberIn(config: JsonObject, path: string, ...names: string[]): number {
  const found = names.map((name) => config[name]).find((value) => typeof value === 'number');
  if (typeof found === 'number') return found;
  throw new UserError(`the config.json of ${path} has no ${names.join(' or ')}`);
}

/** Embeddings that transformers makes with padding_idx. */
function paddingRows(specs: readonly ParameterSpec[], config: JsonObject): Map<string, number> {
  const row = padIdOf(config);
  if (row === undefined) return new Map();
  const hasPositions =
    typeof config['model_type'] === 'string' && /roberta|camembert/.test(config['model_type']);
  const pattern = hasPositions
    ? /(word_embeddings|position_embeddings)\.weight$/
    : /(embed_tokens|word_embeddings|tok_embeddings)\.weight$/;
  return new Map(specs.filter(({ name }) => pattern.test(name)).map(({ name }) => [name, row]));
}

async function atSizes(
  file: OnnxFile,
  inputs: FileInputs,
  parts: ImportedParts,
  sizes: Sizes,
): Promise<SizedNetwork> {
  const { places } = parts.parameters;
  // Read once into a graph that nobody needs, to learn which constants there are.
  const graph = new Graph();
  const sized = await SizedFile.read(
    file,
    {
      constants: inputs.constants(sizes),
      leaves: new Set([...parts.fed.keys(), ...places.keys()]),
      outputs: [parts.output.name],
    },
    graph,
    (name) => {
      const input = parts.fed.get(name);
      if (input !== undefined) return graph.input(name, input.dtype, [sizes.batch, sizes.length]);
      const { tensor } = ((places.get(name) as Place).parts[0] as Part).stored;
      return graph.input(name, tensor.dtype.includes('float') ? 'float32' : tensor.dtype, tensor.shape);
    },
  );
  return new ImportedAtSizes(parts, sizes, sized);
}
