/** @file A Hugging Face model folder: which ONNX file it is about, and what stands beside it. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { codeOf, messageOf, UserError } from '../../base/errors.js';
import type { JsonObject } from '../../base/json.js';

export interface ModelFolder {
  /** Where config.json lies. */
  readonly folder: string;
  readonly onnxPath: string;
  readonly config: JsonObject;
  readonly generationConfig?: JsonObject;
  readonly tokenizerConfig?: JsonObject;
  /** Whether tokenizer.json is there: models are trained on ready token ids without one. */
  readonly hasTokenizer: boolean;
}

/** Weights as transformers.js names them, and what each adds to a file's name. */
export const weightSuffixes = {
  fp32: '',
  fp16: '_fp16',
  q4: '_q4',
  q4f16: '_q4f16',
  bnb4: '_bnb4',
  int8: '_int8',
  uint8: '_uint8',
  q8: '_quantized',
} as const;
export type WeightChoice = keyof typeof weightSuffixes;

export interface FolderOptions {
  /** An ONNX file, relative to the folder: `onnx/model_fp16.onnx`. */
  readonly file?: string;
  /** Default fp32. */
  readonly weights?: WeightChoice;
}

/**
 * In order of preference. Merged decoders come last: their two halves are branches of an If, and a decoder with a
 * cache can be run without one by feeding a cache of length 0.
 */
export const stems = ['model', 'decoder_with_past_model', 'decoder_model', 'decoder_model_merged'];
export const places = ['onnx', ''];

/**
 * Opens a folder as the hub has them, or the folder around an ONNX file.
 *
 * @throws UserError that says what is missing and how it is made
 */
export async function openModelFolder(path: string, options: FolderOptions = {}): Promise<ModelFolder> {
  const named = await whatIs(path);
  const { folder, file } = named === 'file' ? aroundFile(path) : { folder: path, file: options.file };
  const config = await requiredConfig(folder);
  if (config['is_encoder_decoder'] === true) {
    throw new UserError(
      `${folder} is an encoder-decoder (${JSON.stringify(config['model_type'])}); Temper takes decoders (GPT-2, Llama, Qwen, …) ` +
        'and encoders (BERT, RoBERTa, …)',
    );
  }
  const onnxPath =
    file === undefined ? await chosenFile(folder, options.weights ?? 'fp32') : await namedFile(folder, file);
  const generationConfig = await optionalJson(join(folder, 'generation_config.json'));
  const tokenizerConfig = await optionalJson(join(folder, 'tokenizer_config.json'));
  return {
    folder,
    onnxPath,
    config,
    ...(generationConfig === undefined ? {} : { generationConfig }),
    ...(tokenizerConfig === undefined ? {} : { tokenizerConfig }),
    hasTokenizer: await isFile(join(folder, 'tokenizer.json')),
  };
}

/** `optimum-cli`'s command that makes an ONNX export of a model. */
export function exportCommand(model: string): string {
  return `optimum-cli export onnx --model ${model} ${basename(model)}-onnx`;
}

function aroundFile(path: string): { folder: string; file: string } {
  const holder = dirname(path);
  const folder = basename(holder) === 'onnx' ? dirname(holder) : holder;
  return { folder, file: relative(folder, path) };
}

async function whatIs(path: string): Promise<'file' | 'folder'> {
  try {
    return (await stat(path)).isDirectory() ? 'folder' : 'file';
  } catch (error) {
    if (codeOf(error) === 'ENOENT') throw new UserError(`${path}: there is no such folder`, { cause: error });
    throw new UserError(`${path} cannot be opened: ${messageOf(error)}`, { cause: error });
  }
}

async function requiredConfig(folder: string): Promise<JsonObject> {
  const path = join(folder, 'config.json');
  const config = await optionalJson(path);
  if (config !== undefined) return config;
  throw new UserError(
    `${folder} has no config.json; it holds ${await listed(folder)}. A model's folder is one that transformers' ` +
      `save_pretrained and an ONNX export wrote: ${exportCommand('OWNER/NAME')}`,
  );
}

/** The object in a JSON file; undefined where there is no such file. */
async function optionalJson(path: string): Promise<JsonObject | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw new UserError(`${path} cannot be read: ${messageOf(error)}`, { cause: error });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new UserError(`${path} is not JSON: ${messageOf(error)}`, { cause: error });
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw new UserError(`${path}: expected a JSON object, found ${text.trim().slice(0, 40)}`);
}

async function namedFile(folder: string, file: string): Promise<string> {
  const path = join(folder, file);
  if (await isFile(path)) return path;
  const found = await onnxFiles(folder);
  throw new UserError(
    `${path}: there is no such file. ${found.length > 0 ? `The folder's ONNX files are ${found.join(', ')}.` : noOnnx(folder)}`,
  );
}

async function chosenFile(folder: string, weights: WeightChoice): Promise<string> {
  const suffix = weightSuffixes[weights];
  const names = stems.flatMap((stem) => places.map((place) => join(place, `${stem}${suffix}.onnx`)));
  for (const name of names) if (await isFile(join(folder, name))) return join(folder, name);
  const found = await onnxFiles(folder);
  if (found.length === 0) throw new UserError(noOnnx(folder, await listed(folder)));
  const others = Object.entries(weightSuffixes)
    .filter(([, other]) =>
      stems.some((stem) => found.some((name) => basename(name) === `${stem}${other}.onnx`)),
    )
    .map(([name]) => name);
  throw new UserError(
    `${folder} has no ONNX file of ${weights} weights (${names[0]}). It has ${found.join(', ')}. ` +
      (others.length > 0 ? `Choose its weights (--weights ${others.join(' | ')})` : 'Choose a file') +
      ` or name the file (--file ${found[0]}).`,
  );
}

function noOnnx(folder: string, holding?: string): string {
  return (
    `${folder} has no ONNX file${holding === undefined ? '' : `; it holds ${holding}`}. ` +
    `Export the model first: pip install optimum-onnx && ${exportCommand(folder)}`
  );
}

async function onnxFiles(folder: string): Promise<string[]> {
  const found = await Promise.all(
    places.map(async (place) => {
      const names = await namesIn(join(folder, place));
      return names.filter((name) => name.endsWith('.onnx')).map((name) => join(place, name));
    }),
  );
  return found.flat().sort();
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return [];
    throw error;
  }
}

async function listed(folder: string): Promise<string> {
  const names = (await namesIn(folder)).sort();
  if (names.length === 0) return 'nothing';
  return names.length <= 8
    ? names.join(', ')
    : `${names.slice(0, 8).join(', ')} and ${names.length - 8} more`;
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return false;
    throw error;
  }
}
