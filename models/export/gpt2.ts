/** @file The built-in GPT under transformers' names: it is GPT-2 with exact GELU and an output embedding of its own. */
import type { JsonObject } from '../../base/json.js';
import type { HostTensor } from '../../onnx/tensor.js';
import type { Tensors } from '../../onnx/trainer.js';
import type { GptConfig } from '../gpt.js';

/** [built-in name, transformers' name, whether transformers (Conv1D) has the transpose] of a block's parameters. */
const blockNames = [
  ['norm1.weight', 'ln_1.weight', false],
  ['norm1.bias', 'ln_1.bias', false],
  ['attention.in.weight', 'attn.c_attn.weight', true],
  ['attention.in.bias', 'attn.c_attn.bias', false],
  ['attention.out.weight', 'attn.c_proj.weight', true],
  ['attention.out.bias', 'attn.c_proj.bias', false],
  ['norm2.weight', 'ln_2.weight', false],
  ['norm2.bias', 'ln_2.bias', false],
  ['mlp.in.weight', 'mlp.c_fc.weight', true],
  ['mlp.in.bias', 'mlp.c_fc.bias', false],
  ['mlp.out.weight', 'mlp.c_proj.weight', true],
  ['mlp.out.bias', 'mlp.c_proj.bias', false],
] as const;

const outerNames = [
  ['embedding.token', 'transformer.wte.weight'],
  ['embedding.position', 'transformer.wpe.weight'],
  ['norm.weight', 'transformer.ln_f.weight'],
  ['norm.bias', 'transformer.ln_f.bias'],
  ['head.weight', 'lm_head.weight'],
] as const;

type Floats = HostTensor<Float32Array>;

/** The parameters as GPT2LMHeadModel has them; without an output embedding where a classifier has none. */
export function gpt2Tensors({ layers }: GptConfig, parameters: Tensors): Map<string, Floats> {
  const found = new Map<string, Floats>();
  for (const [from, to] of outerNames) {
    const tensor = parameters[from];
    if (tensor !== undefined) found.set(to, tensor);
  }
  for (let layer = 0; layer < layers; layer++) {
    for (const [from, to, isTransposed] of blockNames) {
      const tensor = parameters[`block${layer}.${from}`];
      if (tensor === undefined) throw new Error(`the model has no parameter block${layer}.${from}`);
      found.set(`transformer.h.${layer}.${to}`, isTransposed ? transposed(tensor) : tensor);
    }
  }
  return found;
}

/** [rows, columns] → [columns, rows] */
export function transposed({ shape, data }: Floats): Floats {
  const [rows, columns] = shape as [number, number];
  const turned = new Float32Array(data.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++)
      turned[column * rows + row] = data[row * columns + column] as number;
  }
  return { shape: [columns, rows], data: turned };
}

/** config.json of GPT2LMHeadModel. */
export function gpt2Config(
  { layers, width, heads, context, vocabulary }: GptConfig,
  ids: { readonly pad: number; readonly bos: number },
): JsonObject {
  return {
    activation_function: 'gelu',
    architectures: ['GPT2LMHeadModel'],
    attn_pdrop: 0,
    bos_token_id: ids.bos,
    embd_pdrop: 0,
    // No token of the built-in tokenizers ends a text.
    eos_token_id: null,
    layer_norm_epsilon: 1e-5,
    model_type: 'gpt2',
    n_ctx: context,
    n_embd: width,
    n_head: heads,
    n_inner: 4 * width,
    n_layer: layers,
    n_positions: context,
    pad_token_id: ids.pad,
    resid_pdrop: 0,
    scale_attn_weights: true,
    tie_word_embeddings: false,
    torch_dtype: 'float32',
    vocab_size: vocabulary,
  };
}
