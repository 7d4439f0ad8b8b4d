/** @file Names and joined weights of ONNX Runtime GenAI's model builder. */
import type { JsonObject } from '../../../base/json.js';

/** `model.layers.0.attn.q_proj.MatMul.weight` and the like, as PyTorch has them. */
export function plainName(name: string, config: JsonObject): string {
  const plain = name
    .replace(/\.(MatMul|Add|Gather|layernorm)\.(weight|bias)/, '.$2')
    .replace(/^(.*)\.layers\.\d+\.final_norm_layernorm\./, '$1.norm.')
    .replace(/^(model\.layers\.\d+)\.attn\.(?=[qkvo]+_proj|q_norm|k_norm)/, '$1.self_attn.');
  if (config['model_type'] !== 'phi') return plain;
  return plain
    .replace('.self_attn.o_proj.', '.self_attn.dense.')
    .replace(/^model\.norm\./, 'model.final_layernorm.');
}

/** Whether a file's initializers are named as the builder names them. */
export function isBuilders(names: Iterable<string>): boolean {
  return [...names].some((name) => /\.MatMul\.weight|\.final_norm_layernorm\./.test(name));
}

/** Stands between the names of parameters that one initializer holds side by side. */
export const joint = '|';

/** A part of a joined weight: so many of its rows (in PyTorch's layout) from `start`. */
export interface FusedPart {
  readonly name: string;
  readonly start?: number;
  readonly length?: number;
}

/** Queries, keys and values come as one weight where PyTorch has three; Phi-3 has one itself. */
export function fusedParts(name: string, config: JsonObject, columns: number): FusedPart[] {
  const joined = name.split(joint);
  if (joined.length > 1) {
    const length = columns / joined.length;
    return joined.map((part, i) => ({ name: part, start: i * length, length }));
  }
  const match = /^(.*\.self_attn\.)qkv_proj(\.\w+)$/.exec(name);
  if (match === null || config['model_type'] === 'phi3') return [{ name }];
  const [prefix, suffix] = [match[1] as string, match[2] as string];
  const { heads, keyHeads, headSize } = headsOf(config);
  const lengths = [heads, keyHeads, keyHeads].map((count) => count * headSize);
  return ['q_proj', 'k_proj', 'v_proj'].map((projection, i) => ({
    name: `${prefix}${projection}${suffix}`,
    start: lengths.slice(0, i).reduce((sum, length) => sum + length, 0),
    length: lengths[i] as number,
  }));
}

/** Heads of queries, of keys and values, and the size of each. */
export function headsOf(config: JsonObject): { heads: number; keyHeads: number; headSize: number } {
  const number = (...names: string[]): number =>
    Number(names.map((name) => config[name]).find((value) => typeof value === 'number') ?? NaN);
  const heads = number('num_attention_heads', 'n_head', 'n_heads');
  const keyHeads = number('num_key_value_heads', 'num_attention_heads', 'n_head', 'n_heads');
  const width = number('hidden_size', 'n_embd', 'dim', 'd_model');
  const size = number('head_dim');
  return { heads, keyHeads, headSize: Number.isNaN(size) ? width / heads : size };
}
