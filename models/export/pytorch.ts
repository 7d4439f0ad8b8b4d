/** @file A trained model as PyTorch has it: model.safetensors with transformers' names and layouts, and config.json. */
import { join } from 'node:path';
import type { JsonObject } from '../../base/json.js';
import type { ParameterSpec } from '../../onnx/definition.js';
import { readParameter } from '../huggingface/network.js';
import { type ExportedHead, headConfig } from './head.js';
import type { NewValue } from './merged.js';
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

/** Writes a folder that transformers' `from_pretrained` loads. */
export async function writePytorch(model: PytorchModel, out: string): Promise<void> {
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
}

/** As transformers' …ForSequenceClassification of decoders names it. It has no bias there. */
function headWeights(head: ExportedHead | undefined) {
  if (head === undefined) return [];
  const weight = { name: 'score.weight', shape: head.weight.shape, value: head.weight };
  if (head.bias === undefined) return [weight];
  return [weight, { name: 'score.bias', shape: head.bias.shape, value: head.bias }];
}
