/** @file Low-rank adapters (Hu et al., 2021) beside linear layers, named, started and scaled as in PEFT. */
import { UserError } from '../base/errors.js';
import { Random } from '../base/random.js';
import type { Value } from '../onnx/graph.js';
import { gemm, linear } from '../onnx/operators/index.js';
import type { Lookup, ParameterSpec } from '../onnx/program.js';
import { sizeOf } from '../onnx/tensor.js';
import type { Tensors } from '../onnx/trainer.js';
import type { Dropout } from './dropout.js';
import type { Adapt, Linear, Network } from './network.js';

/** PEFT's LoraConfig, as far as it is known here. */
export interface LoraConfig {
  /** r */
  readonly rank: number;
  readonly alpha: number;
  /** use_rslora: the scale is α/√r instead of α/r. */
  readonly rankStabilized?: boolean;
  /** Share of an adapter's inputs that are left out at each step of training. Default 0. */
  readonly dropout?: number;
  /**
   * target_modules: names of modules, whole or their last parts (`q_proj`); or one regular expression that a whole
   * name matches; or `all-linear`, every linear layer but the head.
   */
  readonly targets: string | readonly string[];
  /** exclude_modules, in the same forms. */
  readonly exclude?: string | readonly string[];
}

/** A network's adapters under one configuration. */
export interface Lora {
  readonly config: LoraConfig;
  /** The layers that have an adapter. */
  readonly linears: readonly Linear[];
  readonly parameters: readonly ParameterSpec[];
  readonly scale: number;
  /** The hook for a forward pass. */
  adapt(parameters: Lookup, dropout?: Dropout): Adapt;
}

/** PEFT's name of one of an adapter's two matrices: A [r, in], B [out, r]. */
export function adapterName(module: string, matrix: 'A' | 'B'): string {
  return `base_model.model.${module}.lora_${matrix}.weight`;
}

/** @throws UserError where the targets name no layer of the network, or no sense is to be made of the configuration */
export function loraOf(network: Pick<Network, 'linears'>, config: LoraConfig): Lora {
  const { rank, alpha, rankStabilized = false, dropout = 0 } = config;
  if (!Number.isInteger(rank) || rank < 1)
    throw new UserError(`LoRA's rank is a whole number from 1, not ${rank}`);
  if (!(dropout >= 0 && dropout < 1))
    throw new UserError(`LoRA's dropout is from 0 to below 1, not ${dropout}`);
  const linears = targetsOf(network.linears, config);
  const adapted = new Map(linears.map((layer, index) => [layer.name, index]));
  const scale = alpha / (rankStabilized ? Math.sqrt(rank) : rank);
  return {
    config,
    linears,
    scale,
    parameters: linears.flatMap(({ name, inFeatures, outFeatures }) => [
      { name: adapterName(name, 'A'), shape: [rank, inFeatures] },
      { name: adapterName(name, 'B'), shape: [outFeatures, rank] },
    ]),
    adapt: (parameters, drop) => (layer, input, output) => {
      const index = adapted.get(layer.name);
      if (index === undefined) return output;
      return input.graph.within(`${layer.name}/lora`, () => {
        const read = drop === undefined ? input : drop(input, index);
        const inner: Value = linear(read, parameters(adapterName(layer.name, 'A'))); // [N, r]
        return gemm(inner, parameters(adapterName(layer.name, 'B')), output, { transB: true, alpha: scale });
      });
    },
  };
}

/**
 * The layers that a configuration puts adapters beside, in the network's order. A classifier's head, which PEFT trains
 * as a whole instead, is not among them unless a list names it.
 */
export function targetsOf(
  linears: readonly Linear[],
  config: Pick<LoraConfig, 'targets' | 'exclude'>,
): Linear[] {
  const { targets, exclude = [] } = config;
  const excluded = matcher(exclude);
  const isTarget =
    typeof targets === 'string' && targets.toLowerCase() === 'all-linear'
      ? (name: string) => !isOutput(name)
      : matcher(targets);
  const heads = typeof targets === 'string' ? [] : targets.filter(isInClassifier);
  const isLeftOut = (name: string) => isInClassifier(name) && !matcher(heads)(name);
  const found = linears.filter(({ name }) => isTarget(name) && !excluded(name) && !isLeftOut(name));
  if (found.length > 0) return found;
  const lastParts = [...new Set(linears.map(({ name }) => name.split('.').at(-1) as string))];
  throw new UserError(
    `LoRA's targets ${JSON.stringify(targets)} name no linear layer of this model; its layers end in ` +
      `${lastParts.join(', ')} (for example ${linears[0]?.name ?? 'none'}). Or use all-linear`,
  );
}

/** PEFT's rule: a list holds whole names or their last parts, a string is a regular expression for the whole name. */
function matcher(pattern: string | readonly string[]): (name: string) => boolean {
  if (typeof pattern === 'string') {
    const whole = wholeMatch(pattern);
    return (name) => whole.test(name);
  }
  return (name) => pattern.some((part) => name === part || name.endsWith(`.${part}`));
}

function wholeMatch(pattern: string): RegExp {
  try {
    return new RegExp(`^(?:${pattern})$`, 'u');
  } catch {
    throw new UserError(
      `LoRA's targets "${pattern}" are not a regular expression; to name modules, give a list of them`,
    );
  }
}

/** What language models' output embeddings are called, which PEFT leaves out of all-linear. */
const outputs = ['lm_head', 'embed_out', 'output_layer', 'qa_outputs', 'decoder'];
/** What PEFT has among the modules to save, instead of adapters, in a sequence classifier. */
const classifiers = ['classifier', 'score'];

function isOutput(name: string): boolean {
  return outputs.includes(name.split('.').at(-1) as string);
}

function isInClassifier(name: string): boolean {
  return name.split('.').some((part) => classifiers.includes(part));
}

/** The start of an adapter: A uniform within ±1/√in (PyTorch's kaiming_uniform_ with a = √5), B zero: nothing changes yet. */
export function initialiseLora({ parameters }: Pick<Lora, 'parameters'>, seed: number | string): Tensors {
  return Object.fromEntries(
    parameters.map(({ name, shape }) => {
      const data = new Float32Array(sizeOf(shape));
      if (name.endsWith('lora_B.weight')) return [name, { shape, data }];
      const random = Random.of(seed, 'lora', name);
      const bound = 1 / Math.sqrt(shape[1] as number);
      return [name, { shape, data: data.map(() => bound * (2 * random.uniform() - 1)) }];
    }),
  );
}

/**
 * What a linear layer's weight becomes with its adapter in it: W + scale·B·A, in the shape that PyTorch has it
 * ([out, in], or [in, out] where the layer is GPT-2's Conv1D). Summed in float64.
 */
export function mergeAdapter(
  weight: Tensors[string],
  { name, fanInFanOut }: Linear,
  adapters: Tensors,
  scale: number,
): Tensors[string] {
  const [a, b] = [adapters[adapterName(name, 'A')], adapters[adapterName(name, 'B')]];
  if (a === undefined || b === undefined) throw new Error(`there is no adapter of ${name}`);
  const [rank, inFeatures] = a.shape as [number, number];
  const outFeatures = b.shape[0] as number;
  const data = weight.data.slice();
  const row = new Float64Array(inFeatures);
  for (let out = 0; out < outFeatures; out++) {
    row.fill(0);
    for (let r = 0; r < rank; r++) {
      const factor = scale * (b.data[out * rank + r] as number);
      for (let i = 0; i < inFeatures; i++) row[i]! += factor * (a.data[r * inFeatures + i] as number);
    }
    for (let i = 0; i < inFeatures; i++) {
      data[fanInFanOut ? i * outFeatures + out : out * inFeatures + i]! += row[i] as number;
    }
  }
  return { shape: weight.shape, data };
}

/**
 * PEFT's default targets by `model_type` (its TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING), and for DistilBERT,
 * which is missing there, and Temper's own GPT the layers that correspond to BERT's and GPT-2's.
 */
const defaultTargets: Readonly<Record<string, readonly string[]>> = {
  bert: ['query', 'value'],
  bloom: ['query_key_value'],
  codegen: ['qkv_proj'],
  'deberta-v2': ['query_proj', 'value_proj'],
  deberta: ['in_proj'],
  distilbert: ['q_lin', 'v_lin'],
  electra: ['query', 'value'],
  falcon: ['query_key_value'],
  gemma: ['q_proj', 'v_proj'],
  gemma2: ['q_proj', 'v_proj'],
  gemma3_text: ['q_proj', 'v_proj'],
  gpt: ['attention.in'],
  gpt2: ['c_attn'],
  gpt_bigcode: ['c_attn'],
  gpt_neo: ['q_proj', 'v_proj'],
  gpt_neox: ['query_key_value'],
  gptj: ['q_proj', 'v_proj'],
  llama: ['q_proj', 'v_proj'],
  mistral: ['q_proj', 'v_proj'],
  mpt: ['Wqkv'],
  opt: ['q_proj', 'v_proj'],
  phi: ['q_proj', 'v_proj', 'fc1', 'fc2'],
  qwen2: ['q_proj', 'v_proj'],
  qwen3: ['q_proj', 'v_proj'],
  roberta: ['query', 'value'],
  stablelm: ['q_proj', 'v_proj'],
  'xlm-roberta': ['query', 'value'],
};

/** @throws UserError where PEFT has no default for this kind of model */
export function defaultTargetsOf(modelType: string): readonly string[] {
  const targets = defaultTargets[modelType];
  if (targets !== undefined) return targets;
  throw new UserError(
    `there are no default LoRA targets for models of type "${modelType}": name them (--lora-targets q_proj,v_proj), ` +
      'or use --lora-targets all-linear',
  );
}
