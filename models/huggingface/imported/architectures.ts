/** @file In which order architectures run their modules: names for weights that an exporter left without. */
import type { JsonObject } from '../../../base/json.js';

/** The modules with weights that exporters lose the names of. */
interface Order {
  readonly embedding: string;
  /** What the names of a layer's modules begin with, before its number. */
  readonly layers: string;
  readonly linears: readonly string[];
  /** RMS norms whose weights are folded with a constant. */
  readonly norms?: readonly string[];
  /** Linear layers behind the last layer; a file has some of them. */
  readonly heads: readonly string[];
  readonly finalNorm?: string;
}

const gated = ['mlp.gate_proj', 'mlp.up_proj', 'mlp.down_proj'];
const attention = ['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj', 'self_attn.o_proj'];

const llama: Order = {
  embedding: 'model.embed_tokens',
  layers: 'model.layers',
  linears: [...attention, ...gated],
  norms: ['input_layernorm', 'post_attention_layernorm'],
  finalNorm: 'model.norm',
  heads: ['lm_head', 'score'],
};

const gemma2Norms = [
  'input_layernorm',
  'post_attention_layernorm',
  'pre_feedforward_layernorm',
  'post_feedforward_layernorm',
];
const gemma3: Order = {
  ...llama,
  norms: ['input_layernorm', 'self_attn.q_norm', 'self_attn.k_norm', ...gemma2Norms.slice(1)],
};

/** BERT and its kin, by what the model is called in its classes. */
function bertLike(model: string): Order {
  return {
    embedding: `${model}.embeddings.word_embeddings`,
    layers: `${model}.encoder.layer`,
    linears: [
      'attention.self.query',
      'attention.self.key',
      'attention.self.value',
      'attention.output.dense',
      'intermediate.dense',
      'output.dense',
    ],
    heads: ['classifier', `${model}.pooler.dense`],
  };
}

/** By config.json's model_type. */
const orders: Readonly<Record<string, Order>> = {
  gpt2: {
    embedding: 'transformer.wte',
    layers: 'transformer.h',
    linears: ['attn.c_attn', 'attn.c_proj', 'mlp.c_fc', 'mlp.c_proj'],
    heads: ['lm_head', 'score'],
  },
  gemma2: { ...llama, norms: gemma2Norms },
  gemma3,
  gemma3_text: gemma3,
  phi: { ...llama, linears: [...attention.slice(0, 3), 'self_attn.dense', 'mlp.fc1', 'mlp.fc2'] },
  phi3: {
    ...llama,
    linears: ['self_attn.qkv_proj', 'self_attn.o_proj', 'mlp.gate_up_proj', 'mlp.down_proj'],
  },
  gpt_neox: {
    embedding: 'gpt_neox.embed_in',
    layers: 'gpt_neox.layers',
    linears: ['attention.query_key_value', 'attention.dense', 'mlp.dense_h_to_4h', 'mlp.dense_4h_to_h'],
    heads: ['embed_out', 'score'],
  },
  modernbert: {
    embedding: 'model.embeddings.tok_embeddings',
    layers: 'model.layers',
    linears: ['attn.Wqkv', 'attn.Wo', 'mlp.Wi', 'mlp.Wo'],
    heads: ['head.dense', 'classifier'],
  },
  bert: bertLike('bert'),
  roberta: bertLike('roberta'),
  'xlm-roberta': bertLike('roberta'),
  electra: bertLike('electra'),
  'deberta-v2': bertLike('deberta'),
  distilbert: {
    embedding: 'distilbert.embeddings.word_embeddings',
    layers: 'distilbert.transformer.layer',
    linears: [
      'attention.q_lin',
      'attention.k_lin',
      'attention.v_lin',
      'attention.out_lin',
      'ffn.lin1',
      'ffn.lin2',
    ],
    heads: ['pre_classifier', 'classifier'],
  },
};

/** What architectures call the weight of their token embedding. */
export const tokenEmbedding = /(^|\.)(wte|embed_tokens|word_embeddings|tok_embeddings|embed_in)\.weight$/;

/** config.json's model_type; '' where there is none. */
export function modelType(config: JsonObject): string {
  const type = config['model_type'];
  return typeof type === 'string' ? type : '';
}

/** Whatever is not listed is laid out as Llama: Qwen, Mistral, SmolLM, OLMo, Granite and most that came after it. */
export function orderOf(config: JsonObject): Order {
  return orders[modelType(config)] ?? llama;
}

/** The linear layers in the order in which they run, layer by layer, then heads. */
export function linearOrder(config: JsonObject): string[] {
  const { layers, linears, heads } = orderOf(config);
  return [...perLayer(config, layers, linears), ...heads];
}

/**
 * The name of a module in a model without a head: transformers leaves out what the whole model is called, `bert.` or
 * `model.`.
 */
export function withoutModel(module: string): string {
  return module.replace(/^[^.]+\./, '');
}

/** The norms in the order in which they run. */
export function normOrder(config: JsonObject): string[] {
  const { layers, norms = [], finalNorm } = orderOf(config);
  return [...perLayer(config, layers, norms), ...(finalNorm === undefined ? [] : [finalNorm])];
}

function perLayer(config: JsonObject, layers: string, modules: readonly string[]): string[] {
  const count = layerCount(config);
  return Array.from({ length: count }, (_, i) => modules.map((module) => `${layers}.${i}.${module}`)).flat();
}

/** How many blocks the model has. */
export function layerCount(config: JsonObject): number {
  const names = ['num_hidden_layers', 'n_layer', 'n_layers', 'num_layers'];
  const found = names.map((name) => config[name]).find((value) => typeof value === 'number');
  return typeof found === 'number' ? found : 0;
}
