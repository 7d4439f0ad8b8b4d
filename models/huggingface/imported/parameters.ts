/** @file Which initializers of an exported model are its parameters, and what PyTorch calls and how it shapes them. */
import type { JsonObject } from '../../../base/json.js';
import type { OnnxFile } from '../../../onnx/import/file.js';
import type { NodeProto } from '../../../onnx/onnx_pb.js';
import type { ParameterSpec } from '../../../onnx/program.js';
import type { Quantization, StoredParameter, StoredTensor } from '../../../onnx/stored.js';
import { modelType, tokenEmbedding } from './architectures.js';
import { fusedParts } from './genai.js';
import { initializerNames, isRightOperand } from './naming.js';
import { areTied } from './tied.js';
import type { Wiring } from './uses.js';

/** Where the elements of some parameters stand: an initializer of the file, which is one parameter or several side by side. */
export interface Place {
  readonly parts: readonly Part[];
}

export interface Part {
  /** Name of the parameter. */
  readonly parameter: string;
  readonly stored: StoredParameter;
}

export interface FileParameters {
  readonly specs: readonly ParameterSpec[];
  /** By the initializer's name. */
  readonly places: ReadonlyMap<string, Place>;
}

/** Architectures whose RMS norms multiply by 1 + w. */
const onePlus = new Set(['gemma', 'gemma2', 'gemma3', 'gemma3_text', 'gemma3n_text', 'recurrent_gemma']);
/** GPT-2's linear layers (transformers' Conv1D), whose weights PyTorch itself stores [in, out]. */
const conv1d = /\.(c_attn|c_proj|c_fc|q_attn)$/;
const conv1dTypes = new Set(['gpt2', 'openai-gpt', 'imagegpt', 'decision_transformer']);

export function isConv1d(config: JsonObject, module: string): boolean {
  return conv1dTypes.has(modelType(config)) && conv1d.test(module);
}

/** Finds the parameters that an output depends on among a file's initializers. */
export async function fileParameters(
  file: OnnxFile,
  wiring: Wiring,
  output: string,
  config: JsonObject,
): Promise<FileParameters> {
  const needed = wiring.ancestorsOf(output);
  const found = new Map<string, Part[]>();
  const initializers = new Map<string, string[]>();
  for (const [initializer, name] of initializerNames(file, wiring, config)) {
    // Some files put out more than one thing: poolers that nobody reads.
    if (!needed.has(initializer)) continue;
    const tensor = file.weights.get(initializer) as StoredTensor;
    const parts = fusedParts(name, config, tensor.shape.at(-1) ?? 0).map((part) =>
      partOf(file, wiring, config, initializer, tensor, part),
    );
    initializers.set(
      initializer,
      parts.map(({ parameter }) => parameter),
    );
    for (const part of parts) {
      const known = found.get(part.parameter);
      if (known === undefined) found.set(part.parameter, [part]);
      else known.push(part);
    }
  }
  const renamed = await tieHead(found, config);
  const specs = [...found].map(([name, parts]) => specOf(name, parts));
  const places = new Map(
    [...initializers].map(([initializer, names]) => {
      const parts = names.map((name): Part => {
        const parameter = renamed.get(name) ?? name;
        const own = found.get(parameter)?.find(({ stored }) => stored.tensor.name === initializer);
        return { ...(own as Part), parameter };
      });
      return [initializer, { parts }] as const;
    }),
  );
  return { specs, places };
}

function specOf(name: string, [first, ...copies]: readonly Part[]): ParameterSpec {
  const { stored } = first as Part;
  return {
    name,
    shape: shapeOf(stored),
    ...(stored.quantized === undefined ? {} : { trainable: false }),
    stored: copies.length === 0 ? stored : { ...stored, copies: copies.map((copy) => copy.stored) },
  };
}

/** A parameter's shape in PyTorch. */
export function shapeOf({ tensor, transposed, slice, quantized }: StoredParameter): readonly number[] {
  const whole = quantized === undefined ? tensor.shape : [tensor.shape[0] as number, quantized.columns];
  const shape = whole.map((size, axis) => (slice?.axis === axis ? slice.length : size));
  return transposed ? shape.reverse() : shape;
}

function partOf(
  file: OnnxFile,
  wiring: Wiring,
  config: JsonObject,
  initializer: string,
  tensor: StoredTensor,
  part: { name: string; start?: number; length?: number },
): Part {
  const uses = wiring.usesOf(initializer);
  const module = part.name.replace(/\.\w+$/, '');
  const quantized = uses.map(({ node }) => quantizationOf(file, node)).find((found) => found !== undefined);
  const transposed = tensor.shape.length === 2 && uses.some(isRightOperand) && !isConv1d(config, module);
  const isFolded =
    onePlus.has(modelType(config)) &&
    /norm\.weight$/.test(part.name) &&
    uses.some(({ node }) => node.opType === 'Mul' || /Simplified|RMS/.test(node.opType));
  return {
    parameter: part.name,
    stored: {
      tensor,
      transposed,
      ...(isFolded ? { offset: 1 } : {}),
      ...(part.start === undefined || part.length === undefined
        ? {}
        : { slice: { axis: transposed ? 1 : 0, start: part.start, length: part.length } }),
      ...(quantized === undefined ? {} : { quantized }),
    },
  };
}

function quantizationOf(file: OnnxFile, node: NodeProto): Quantization | undefined {
  if (node.opType !== 'MatMulNBits') return undefined;
  const attribute = (name: string) => Number(node.attribute.find((given) => given.name === name)?.i);
  const [scales, zeroPoints] = [file.weights.get(node.input[2] ?? ''), file.weights.get(node.input[3] ?? '')];
  if (scales === undefined) return undefined;
  return {
    bits: node.attribute.some(({ name }) => name === 'bits') ? attribute('bits') : 4,
    columns: attribute('K'),
    blockSize: attribute('block_size'),
    scales,
    ...(zeroPoints === undefined ? {} : { zeroPoints }),
  };
}

/** Makes the head's weight and the embedding one parameter where the model ties them; returns what is called otherwise. */
async function tieHead(found: Map<string, Part[]>, config: JsonObject): Promise<Map<string, string>> {
  if (config['tie_word_embeddings'] === false) return new Map();
  const head = [...found].find(([name]) => /(^|\.)(lm_head|embed_out|decoder)\.weight$/.test(name));
  const embedding = [...found].find(([name]) => tokenEmbedding.test(name));
  if (head === undefined || embedding === undefined) return new Map();
  const [copy, original] = [head[1][0] as Part, embedding[1][0] as Part];
  if (!(await areTied(original.stored, copy.stored))) return new Map();
  found.delete(head[0]);
  embedding[1].push(...head[1]);
  return new Map([[head[0], embedding[0]]]);
}
