/** @file Adapters in the format of Hugging Face's PEFT: adapter_config.json and adapter_model.safetensors. */
import { join } from 'node:path';
import { codeOf, UserError } from '../../base/errors.js';
import type { JsonObject } from '../../base/json.js';
import type { SafetensorsFile } from '../../onnx/safetensors.js';
import { outgoing, readSafetensorsFile, writeSafetensorsFile } from '../../onnx/safetensors-file.js';
import type { HostTensor } from '../../onnx/tensor.js';
import { adapterName, type LoraConfig } from '../lora.js';
import { publishFolder, readJsonObject, writeJson } from './model-files.js';
import { floatsOf } from './floats.js';
import type { Parameter } from './stored-form.js';

/** An adapter of one linear layer. */
export interface AdapterModule {
  /** PyTorch's name of the layer: `model.layers.0.self_attn.q_proj`. */
  readonly name: string;
  readonly rank: number;
  readonly alpha: number;
  /** What B·A is multiplied by: α/r, or α/√r with rsLoRA. */
  readonly scale: number;
  /** [r, in] */
  readonly a: Parameter;
  /** [out, r] */
  readonly b: Parameter;
}

export interface Adapter {
  readonly config: LoraConfig;
  readonly modules: readonly AdapterModule[];
  /** Parameters that were trained whole (`modules_to_save`: heads), by PyTorch's names: `classifier.weight`. */
  readonly saved: ReadonlyMap<string, Parameter>;
  /** PEFT's `task_type`: CAUSAL_LM, SEQ_CLS, … */
  readonly taskType?: string;
  readonly baseModel?: string;
  readonly revision?: string;
}

const prefix = 'base_model.model.';
const files = { config: 'adapter_config.json', weights: 'adapter_model.safetensors' } as const;

/** Settings that change what an adapter computes, and that are not implemented; where they are not set, all is well. */
const unknownSettings = [
  ...['use_dora', 'use_qalora', 'use_bdlora', 'lora_bias', 'layer_replication', 'trainable_token_indices'],
  ...['target_parameters', 'alora_invocation_tokens', 'arrow_config', 'velora_config'],
];
/** Starting points that leave the base model's weights as they are; the others change them when PEFT loads them. */
const plainStarts = new Set<unknown>([true, false, 'gaussian', 'eva', 'orthogonal', undefined, null]);

/**
 * Reads an adapter that PEFT, or {@link writeAdapter}, saved. Ranks and scales of single layers (`rank_pattern`,
 * `alpha_pattern`) are honoured; weights of 16 bits become float32.
 *
 * @throws UserError for a folder without an adapter, and for kinds of adapters other than LoRA
 */
export async function readAdapter(folder: string): Promise<Adapter> {
  const path = join(folder, files.config);
  const config = await readJsonObject(path);
  refuseUnknown(path, config);
  const weights = join(folder, files.weights);
  const { tensors } = await readWeights(weights);
  const numberAt = (key: string, otherwise?: number): number => {
    const value = config[key] ?? otherwise;
    if (typeof value === 'number') return value;
    throw new UserError(`${path}: "${key}" is to be a number, and is ${JSON.stringify(value)}`);
  };
  const [rank, alpha] = [numberAt('r'), numberAt('lora_alpha')];
  const rankStabilized = config['use_rslora'] === true;
  const halves = new Map<string, { a?: Parameter; b?: Parameter }>();
  const saved = new Map<string, Parameter>();
  for (const [key, tensor] of Object.entries(tensors)) {
    const match = /^base_model\.model\.(.+)\.lora_([AB])(?:\.default)?\.weight$/.exec(key);
    if (match !== null) {
      const [, name = '', matrix] = match;
      const half = halves.get(name) ?? {};
      halves.set(name, { ...half, [matrix === 'A' ? 'a' : 'b']: floatsOf(tensor, `${weights}: ${key}`) });
    } else if (key.startsWith(prefix) && !/lora_|\.modules_to_save\./.test(key)) {
      saved.set(key.slice(prefix.length), floatsOf(tensor, `${weights}: ${key}`));
    } else {
      throw new UserError(`${weights} holds ${key}, which is no part of a LoRA adapter of linear layers`);
    }
  }
  const modules = [...halves].map(([name, { a, b }]): AdapterModule => {
    const own = {
      rank: patterned(config['rank_pattern'], name) ?? rank,
      alpha: patterned(config['alpha_pattern'], name) ?? alpha,
    };
    const isWhole = a?.shape[0] === own.rank && b?.shape[1] === own.rank;
    if (a === undefined || b === undefined || !isWhole)
      throw new UserError(
        `${weights}: ${name} has A ${shapeText(a)} and B ${shapeText(b)}, and its rank is ${own.rank} by ${path}`,
      );
    return { name, ...own, scale: own.alpha / (rankStabilized ? Math.sqrt(own.rank) : own.rank), a, b };
  });
  if (modules.length === 0) throw new UserError(`${weights} holds no adapter of any layer`);
  const textAt = (key: string) => (typeof config[key] === 'string' ? config[key] : undefined);
  return {
    config: {
      ...{ rank, alpha, rankStabilized },
      dropout: numberAt('lora_dropout', 0),
      targets: patternOf(config['target_modules']) ?? modules.map(({ name }) => name),
      ...withDefined({ exclude: patternOf(config['exclude_modules']) }),
    },
    ...{ modules: modules.sort((x, y) => (x.name < y.name ? -1 : 1)), saved },
    ...withDefined({
      taskType: textAt('task_type'),
      baseModel: textAt('base_model_name_or_path'),
      revision: textAt('revision'),
    }),
  };
}

function refuseUnknown(path: string, config: JsonObject): void {
  const kind = config['peft_type'];
  const onlyLora =
    'Temper reads LoRA adapters of linear layers; merge this one into its model with Python (merge_and_unload) and export that.';
  if (kind !== 'LORA')
    throw new UserError(`${path} describes an adapter of the kind ${JSON.stringify(kind)}. ${onlyLora}`);
  const set = unknownSettings.find((key) => isSet(config[key]));
  if (set !== undefined)
    throw new UserError(`${path} has "${set}": ${JSON.stringify(config[set])}. ${onlyLora}`);
  if ((config['bias'] ?? 'none') !== 'none')
    throw new UserError(`${path} has "bias": ${JSON.stringify(config['bias'])}. ${onlyLora}`);
  const start = config['init_lora_weights'];
  if (!plainStarts.has(start))
    throw new UserError(
      `${path} has "init_lora_weights": ${JSON.stringify(start)}, a start that changes the base model's weights. Save it with ` +
        'PEFT as a plain adapter first: save_pretrained(…, path_initial_model_for_weight_conversion=…).',
    );
}

function isSet(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length > 0;
  return value !== undefined && value !== null && value !== false;
}

async function readWeights(path: string): Promise<SafetensorsFile> {
  try {
    return await readSafetensorsFile(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    throw new UserError(
      `${path} is missing. Adapters saved as adapter_model.bin are not read: save them again with a PEFT of 2023 or later.`,
    );
  }
}

/** PEFT's rule: a key is a regular expression for the end of a module's name, from a dot on. */
function patterned(patterns: unknown, name: string): number | undefined {
  if (typeof patterns !== 'object' || patterns === null) return undefined;
  for (const [key, value] of Object.entries(patterns)) {
    if (typeof value === 'number' && new RegExp(`^(?:.*\\.)?(?:${key})$`).test(name)) return value;
  }
  return undefined;
}

function patternOf(value: unknown): string | string[] | undefined {
  if (typeof value === 'string') return value;
  return Array.isArray(value) && value.every((each) => typeof each === 'string') ? value : undefined;
}

/** An adapter's matrices by PEFT's names, as training holds them. */
export function adapterTensors({ modules }: Pick<Adapter, 'modules'>): Record<string, Parameter> {
  return Object.fromEntries(
    modules.flatMap(({ name, a, b }) => [
      [adapterName(name, 'A'), a],
      [adapterName(name, 'B'), b],
    ]),
  );
}

/** What {@link writeAdapter} writes. */
export interface NewAdapter {
  readonly config: LoraConfig;
  /** A and B by PEFT's names, as training holds them. */
  readonly tensors: Readonly<Record<string, HostTensor<Float32Array>>>;
  /** The layers are GPT-2's Conv1D. */
  readonly fanInFanOut: boolean;
  /** Heads that were trained whole, by PyTorch's names. */
  readonly saved?: ReadonlyMap<string, Parameter>;
  readonly taskType?: 'CAUSAL_LM' | 'SEQ_CLS' | 'FEATURE_EXTRACTION';
  /** What the adapter belongs to: the hub's name, or a folder. */
  readonly baseModel?: string;
  readonly revision?: string;
}

/** Writes an adapter as PEFT does, the same bytes for the same adapter. */
export async function writeAdapter(folder: string, adapter: NewAdapter): Promise<void> {
  const { tensors, saved = new Map<string, Parameter>() } = adapter;
  const all: Record<string, Parameter> = { ...tensors };
  for (const [name, tensor] of saved) all[`${prefix}${name}`] = tensor;
  await publishFolder(folder, async (temporary) => {
    await writeSafetensorsFile(join(temporary, files.weights), outgoing(all), { format: 'pt' });
    await writeJson(join(temporary, files.config), adapterConfig(adapter, [...saved.keys()]));
  });
}

function adapterConfig(adapter: NewAdapter, saved: readonly string[]): JsonObject {
  const { rank, alpha, rankStabilized = false, dropout = 0, targets, exclude } = adapter.config;
  const modules = Object.keys(adapter.tensors)
    .filter((key) => key.endsWith('.lora_A.weight'))
    .map((key) => key.slice(prefix.length, -'.lora_A.weight'.length));
  const heads = [...new Set(saved.map(savedModule))].sort();
  const list = (pattern: string | readonly string[]) =>
    typeof pattern === 'string' ? pattern : [...pattern];
  return {
    alpha_pattern: {},
    base_model_name_or_path: adapter.baseModel ?? null,
    bias: 'none',
    exclude_modules: exclude === undefined ? null : list(exclude),
    fan_in_fan_out: adapter.fanInFanOut,
    inference_mode: true,
    init_lora_weights: true,
    lora_alpha: alpha,
    lora_dropout: dropout,
    modules_to_save: heads.length === 0 ? null : heads,
    peft_type: 'LORA',
    r: rank,
    rank_pattern: {},
    revision: adapter.revision ?? null,
    // What "all-linear" means depends on the model's class, which may be another one in Python.
    target_modules: targets === 'all-linear' ? modules.sort() : list(targets),
    task_type: adapter.taskType ?? null,
    use_dora: false,
    use_rslora: rankStabilized,
  };
}

/** PEFT saves classifiers as one module, whatever they are made of (RoBERTa's has two layers). */
function savedModule(parameter: string): string {
  return parameter.replace(/^(classifier|score)\..*$|\.\w+$/, '$1');
}

function shapeText(tensor: Parameter | undefined): string {
  return tensor === undefined ? 'missing' : `[${tensor.shape.join(', ')}]`;
}

/** Leaves out what is undefined, which optional fields must not be. */
function withDefined<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
