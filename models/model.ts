/** @file A model and its folder: config.json, model.safetensors, tokenizer.json; and as a plain ONNX file. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../base/errors.js';
import { canonicalJson } from '../base/json.js';
import { encodeModel } from '../onnx/encode.js';
import { readSafetensors, writeSafetensors } from '../onnx/safetensors.js';
import type { Tensors } from '../onnx/trainer.js';
import { asFloats } from '../onnx/training-state.js';
import { headGraph, languageModelGraph } from './forward.js';
import type { GptConfig } from './gpt.js';
import { type Head, modelParameters } from './heads.js';
import { type Tokenizer, tokenizerFrom } from './tokenizer.js';

export interface Model {
  readonly config: GptConfig;
  /** None: a language model. */
  readonly head?: Head;
  readonly tokenizer: Tokenizer;
  readonly parameters: Tensors;
}

/** A folder that does not hold a model; the message names the file. */
export class ModelError extends Error {
  override readonly name = 'ModelError';
}

/** Writes the three files; the same model always gives the same bytes. */
export async function saveModel(
  folder: string,
  { config, head, tokenizer, parameters }: Model,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'config.json'), `${canonicalJson({ ...config, head })}\n`);
  await writeFile(join(folder, 'tokenizer.json'), `${canonicalJson(tokenizer.toJSON())}\n`);
  await writeFile(join(folder, 'model.safetensors'), writeSafetensors(parameters));
}

/** @throws ModelError where a file is missing, is damaged, or does not fit the configuration. */
export async function loadModel(folder: string): Promise<Model> {
  const { head, ...config } = readConfig(await readText(folder, 'config.json'), folder);
  const path = join(folder, 'model.safetensors');
  const { tensors } = readSafetensors(await readFile(path), path);
  const parameters: Record<string, Tensors[string]> = {};
  for (const { name, shape } of modelParameters(config, head)) {
    const tensor = tensors[name];
    if (tensor === undefined || tensor.shape.join() !== shape.join()) {
      const found = tensor === undefined ? 'lacks it' : `has it as [${tensor.shape.join(', ')}]`;
      throw new ModelError(`${path} ${found}: config.json asks for ${name} [${shape.join(', ')}]`);
    }
    parameters[name] = asFloats(tensor, `${path}: ${name}`);
  }
  const tokenizer = tokenizerFrom(
    parseJson(await readText(folder, 'tokenizer.json'), join(folder, 'tokenizer.json')),
  );
  return { config, ...(head === undefined ? {} : { head }), tokenizer, parameters };
}

/**
 * Writes the model as a plain ONNX file that any ONNX Runtime runs: `tokens` [batch, length] int32 →
 * `logits`; with a head also `last` [batch] and `choices` [batch, choices] (see forward.ts).
 */
export async function exportOnnx(
  { config, head, parameters }: Omit<Model, 'tokenizer'>,
  path: string,
): Promise<void> {
  const graph =
    head === undefined ? languageModelGraph(config, parameters) : headGraph(config, head, parameters);
  await writeFile(path, encodeModel(graph));
}

async function readText(folder: string, file: string): Promise<string> {
  try {
    return await readFile(join(folder, file), 'utf8');
  } catch (error) {
    throw new ModelError(`${folder} is not a model's folder: ${messageOf(error)}`);
  }
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ModelError(`${path} is not JSON: ${messageOf(error)}`);
  }
}

function readConfig(text: string, folder: string): GptConfig & { head?: Head } {
  const config = parseJson(text, join(folder, 'config.json')) as Partial<GptConfig> & { head?: Head };
  const { architecture, layers, width, heads, context, vocabulary } = config;
  if (architecture !== 'gpt' || ![layers, width, heads, context, vocabulary].every(Number.isSafeInteger)) {
    throw new ModelError(`${join(folder, 'config.json')} does not describe a gpt: it says ${text.trim()}`);
  }
  return config as GptConfig & { head?: Head };
}
