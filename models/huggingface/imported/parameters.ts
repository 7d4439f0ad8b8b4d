/** @file Which initializers of an exported model are its parameters, and what PyTorch calls and how it shapes them. */
import type { JsonObject } from '../../../base/json.js';
import type { OnnxFile } from '../../../onnx/import/file.js';
import type { NodeProto } from '../../../onnx/onnx_pb.js';
import type { ParameterSpec } from '../../../onnx/program.js';
import type { StoredParameter, StoredTensor } from '../../../onnx/stored.js';
import { sizeOf } from '../../../onnx/tensor.js';
import { moduleOf } from './modules.js';
import { areTied } from './tied.js';

/** A place in the file where a parameter's elements stand. */
export interface Place {
  /** Name of the parameter. */
  readonly parameter: string;
  readonly stored: StoredParameter;
}

export interface FileParameters {
  readonly specs: readonly ParameterSpec[];
  /** By the initializer's name. */
  readonly places: ReadonlyMap<string, Place>;
}

/** A use of an initializer. */
interface Use {
  readonly node: NodeProto;
  readonly index: number;
}

/** As PyTorch names parameters: modules and attributes, with dots between. */
const pytorchName = /^\w+(\.\w+)*\.(weight|bias|gamma|beta)$/;
/** Buffers that are named as parameters are: GPT-2's causal mask. */
const buffers = /\.attn\.(bias|masked_bias)$/;
const floats = new Set(['float32', 'float16', 'bfloat16', 'float64']);
/** Architectures whose RMS norms multiply by 1 + w. */
const onePlus = new Set(['gemma', 'gemma2', 'gemma3', 'gemma3_text', 'gemma3n_text', 'recurrent_gemma']);
/** GPT-2's linear layers (transformers' Conv1D), whose weights PyTorch itself stores [in, out]. */
const conv1d = /\.(c_attn|c_proj|c_fc|q_attn)$/;
const conv1dTypes = new Set(['gpt2', 'openai-gpt', 'imagegpt', 'decision_transformer', 'gpt_bigcode-conv1d']);

export function isConv1d(config: JsonObject, module: string): boolean {
  return conv1dTypes.has(String(config['model_type'])) && conv1d.test(module);
}

/** Finds the parameters among a file's initializers. */
export async function fileParameters(file: OnnxFile, config: JsonObject): Promise<FileParameters> {
  const uses = usesOf(file);
  const found = new Map<string, Place[]>();
  for (const [initializer, tensor] of file.weights) {
    if (!floats.has(tensor.dtype)) continue;
    const place = placeOf(config, initializer, tensor, uses.get(initializer) ?? []);
    if (place === undefined) continue;
    const known = found.get(place.parameter);
    if (known === undefined) found.set(place.parameter, [place]);
    else known.push(place);
  }
  await tieHead(found, config);
  const places = new Map<string, Place>();
  const specs: ParameterSpec[] = [];
  for (const [name, [first, ...copies]] of found) {
    if (first === undefined) continue;
    const { tensor, transposed } = first.stored;
    const stored: StoredParameter =
      copies.length === 0 ? first.stored : { ...first.stored, copies: copies.map((copy) => copy.stored) };
    specs.push({ name, shape: transposed ? [...tensor.shape].reverse() : tensor.shape, stored });
    for (const place of [first, ...copies])
      places.set(place.stored.tensor.name, { ...place, parameter: name });
  }
  return { specs, places };
}

/** Who reads each initializer, seen through Identity nodes. */
function usesOf(file: OnnxFile): Map<string, Use[]> {
  const alias = new Map<string, string>();
  const uses = new Map<string, Use[]>();
  for (const node of file.graph.node) {
    for (const [index, name] of node.input.entries()) {
      const source = alias.get(name) ?? name;
      if (!file.weights.has(source)) continue;
      const known = uses.get(source);
      if (node.opType === 'Identity' && node.output[0] !== undefined) alias.set(node.output[0], source);
      else if (known === undefined) uses.set(source, [{ node, index }]);
      else known.push({ node, index });
    }
  }
  return uses;
}

function placeOf(
  config: JsonObject,
  initializer: string,
  tensor: StoredTensor,
  uses: readonly Use[],
): Place | undefined {
  const parameter = parameterName(initializer, tensor, uses);
  if (parameter === undefined) return undefined;
  const module = parameter.replace(/\.\w+$/, '');
  const isUsedAsStored = uses.some(isRightOperand);
  const transposed = tensor.shape.length === 2 && isUsedAsStored && !isConv1d(config, module);
  const isFolded =
    onePlus.has(String(config['model_type'])) &&
    /norm\.weight$/.test(parameter) &&
    uses.some(({ node }) => node.opType === 'Mul' || /Simplified|RMS/.test(node.opType));
  return {
    parameter,
    stored: { tensor, transposed, ...(isFolded ? { offset: 1 } : {}) },
  };
}

/** The second operand of a product as it stands: [in, out]. */
function isRightOperand({ node, index }: Use): boolean {
  if (index !== 1) return false;
  if (node.opType === 'MatMul' || node.opType === 'FusedMatMul') return true;
  return node.opType === 'Gemm' && !node.attribute.some(({ name, i }) => name === 'transB' && i === 1n);
}

function parameterName(initializer: string, tensor: StoredTensor, uses: readonly Use[]): string | undefined {
  if (buffers.test(initializer)) return undefined;
  if (pytorchName.test(initializer)) return initializer;
  if (sizeOf(tensor.shape) < 2) return undefined;
  for (const use of uses) {
    const module = moduleOf(use.node);
    if (module === undefined) continue;
    if (tensor.shape.length === 2 && isRightOperand(use)) return `${module}.weight`;
    if (tensor.shape.length === 1 && /norm|ln_/i.test(module.split('.').at(-1) ?? '')) {
      if (use.node.opType === 'Mul') return `${module}.weight`;
    }
  }
  return undefined;
}

/** Makes the head's weight and the embedding one parameter where the model ties them. */
async function tieHead(found: Map<string, Place[]>, config: JsonObject): Promise<void> {
  if (config['tie_word_embeddings'] === false) return;
  const head = [...found].find(([name]) => /(^|\.)(lm_head|embed_out|decoder)\.weight$/.test(name));
  const embedding = [...found].find(([name]) =>
    /(wte|embed_tokens|word_embeddings|tok_embeddings|embed_in)\.weight$/.test(name),
  );
  if (head === undefined || embedding === undefined) return;
  const [copy, original] = [head[1][0] as Place, embedding[1][0] as Place];
  if (!(await areTied(original.stored, copy.stored))) return;
  found.delete(head[0]);
  embedding[1].push(...head[1]);
}
