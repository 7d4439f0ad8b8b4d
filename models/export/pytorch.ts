/** @file A trained model as PyTorch has it: model.safetensors with transformers' names and layouts, and config.json. */
import { join } from 'node:path';
import type { JsonObject } from '../../base/json.js';
import type { ParameterSpec } from '../../onnx/definition.js';
import { readParameter } from '../huggingface/network.js';
import { type ExportedHead, headConfig } from './head.js';
import type { NewValue } from './parts.js';
import { copyCompanions, publishFolder, writeJson } from './model-files.js';
import { writeWeights } from './safetensors-file.js';

export interface PytorchModel {
  /** Where the tokenizer and so on are copied from. */
  readonly folder: string;
  readonly config: JsonObject;
  /** All parameters of the network; tied ones are one. */
  readonly parameters: readonly ParameterSpec[];
  /** New values by PyTorch's names; the others are read from the file the network came in. */
  readonly values: ReadonlyMap<string, NewValue>;
  readonly head?: ExportedHead;
}

/**
 * Writes a folder that transformers' `from_pretrained` loads.
 *
 * @returns notices: what PyTorch's classes cannot express
 */
export async function writePytorch(
  model: PytorchModel,
  out: string,
): Promise<{ notices: readonly string[] }> {
  const { folder, config, parameters, values, head } = model;
  const weights = parameters.map((spec) => ({
    name: spec.name,
    shape: spec.shape,
    value: values.get(spec.name) ?? (() => readParameter(spec)),
  }));
  await publishFolder(out, async (temporary) => {
    await writeWeights(join(temporary, 'model.safetensors'), [...weights, ...headWeights(head)]);
    await copyCompanions(folder, temporary);
    const { 'transformers.js_config': _, ...rest } = head === undefined ? config : headConfig(config, head);
    await writeJson(join(temporary, 'config.json'), { ...rest, torch_dtype: 'float32' });
  });
  return { notices: headNotices(model) };
}

function headWeights(head: ExportedHead | undefined) {
  if (head === undefined) return [];
  const { module = 'score', weight, bias } = head;
  const parts = [{ name: `${module}.weight`, shape: weight.shape, value: weight }];
  if (bias !== undefined) parts.push({ name: `${module}.bias`, shape: bias.shape, value: bias });
  return parts;
}

/**
 * transformers' classifiers made of language models read the last token and have no bias; those of encoders have
 * layers of their own between the body and the classifier. What a head does otherwise, from_pretrained cannot know.
 */
function headNotices({ config, head }: PytorchModel): string[] {
  if (head === undefined) return [];
  const [architecture] = Array.isArray(config['architectures']) ? config['architectures'] : [];
  const isLanguageModel = typeof architecture === 'string' && /(ForCausalLM|LMHeadModel)$/.test(architecture);
  const hasBias = head.bias?.data.some((value) => value !== 0) === true;
  if (isLanguageModel && head.pooling === 'last' && !hasBias) return [];
  const what = !isLanguageModel
    ? 'stands on the hidden states directly'
    : hasBias
      ? 'has a bias'
      : `reads the ${head.pooling} of the tokens`;
  return [
    `model.safetensors: the head ${what}, which no classifier of transformers does: ` +
      'load the body with it and apply the head by hand. The merged ONNX file is complete.',
  ];
}
