import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UserError } from '../../base/errors.js';
import { openModelFolder, type FolderOptions } from './folder.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'temper-model-folder-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function holding(files: Readonly<Record<string, string>>): Promise<string> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  return folder;
}

const config = '{"model_type":"gpt2"}';

async function chosen(options?: FolderOptions): Promise<string> {
  return (await openModelFolder(folder, options)).onnxPath.slice(folder.length + 1);
}

async function complaint(path: string, options?: FolderOptions): Promise<string> {
  const error: unknown = await openModelFolder(path, options).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(UserError);
  return (error as UserError).message.replaceAll(folder, 'FOLDER');
}

describe('a model folder', () => {
  it('is its ONNX file and the JSON beside it', async () => {
    await holding({
      'config.json': config,
      'onnx/model.onnx': '',
      'generation_config.json': '{"eos_token_id":3}',
      'tokenizer_config.json': '{"eos_token":"</s>"}',
      'tokenizer.json': '{}',
    });
    expect(await openModelFolder(folder)).toEqual({
      folder,
      onnxPath: join(folder, 'onnx', 'model.onnx'),
      config: { model_type: 'gpt2' },
      generationConfig: { eos_token_id: 3 },
      tokenizerConfig: { eos_token: '</s>' },
      hasTokenizer: true,
    });
  });

  it.each<[string[], string]>([
    [['model.onnx', 'onnx/model.onnx'], 'onnx/model.onnx'],
    [['model.onnx', 'model_fp16.onnx'], 'model.onnx'],
    [['decoder_model_merged.onnx', 'decoder_model.onnx'], 'decoder_model.onnx'],
    [
      ['onnx/decoder_model_merged.onnx', 'onnx/decoder_model_merged_quantized.onnx'],
      'onnx/decoder_model_merged.onnx',
    ],
  ])('of %j is read from %s', async (files, expected) => {
    await holding({ 'config.json': config, ...Object.fromEntries(files.map((name) => [name, ''])) });
    expect(await chosen()).toBe(expected);
  });

  it('has other weights by name, and other files too', async () => {
    await holding({
      'config.json': config,
      'onnx/model.onnx': '',
      'onnx/model_q4.onnx': '',
      'mine.onnx': '',
    });
    expect(await chosen({ weights: 'q4' })).toBe('onnx/model_q4.onnx');
    expect(await chosen({ file: 'mine.onnx' })).toBe('mine.onnx');
  });

  it.each(['model.onnx', 'onnx/model_fp16.onnx'])('may be named by its file %s', async (file) => {
    await holding({ 'config.json': config, [file]: '' });
    const opened = await openModelFolder(join(folder, file));
    expect(opened).toMatchObject({ folder, onnxPath: join(folder, file), hasTokenizer: false });
  });
});

describe('what is missing is named, and how it is made', () => {
  it('the folder', async () => {
    expect(await complaint(join(folder, 'nowhere'))).toBe('FOLDER/nowhere: there is no such folder');
  });

  it('config.json', async () => {
    await holding({ 'model.onnx': '' });
    expect(await complaint(folder)).toMatch(
      /^FOLDER has no config\.json; it holds model\.onnx\. .*optimum-cli/,
    );
  });

  it('an export', async () => {
    await holding({ 'config.json': config, 'model.safetensors': '' });
    expect(await complaint(folder)).toMatch(
      /^FOLDER has no ONNX file; it holds config\.json, model\.safetensors\. Export .* optimum-cli export onnx --model FOLDER /,
    );
  });

  it('weights of the kind that was asked for', async () => {
    await holding({ 'config.json': config, 'onnx/model_q4.onnx': '', 'onnx/model_quantized.onnx': '' });
    expect(await complaint(folder)).toBe(
      'FOLDER has no ONNX file of fp32 weights (onnx/model.onnx). It has onnx/model_q4.onnx, ' +
        'onnx/model_quantized.onnx. Choose its weights (--weights q4 | q8) or name the file (--file onnx/model_q4.onnx).',
    );
  });

  it('a file that was named', async () => {
    await holding({ 'config.json': config, 'onnx/model.onnx': '' });
    expect(await complaint(folder, { file: 'modle.onnx' })).toBe(
      "FOLDER/modle.onnx: there is no such file. The folder's ONNX files are onnx/model.onnx.",
    );
  });

  it('a config that is no JSON object, and a model of a kind that is not taken', async () => {
    await holding({ 'config.json': '{"model_type"' });
    expect(await complaint(folder)).toMatch(/^FOLDER\/config\.json is not JSON/);
    await holding({ 'config.json': '[]' });
    expect(await complaint(folder)).toBe('FOLDER/config.json: expected a JSON object, found []');
    await holding({ 'config.json': '{"model_type":"t5","is_encoder_decoder":true}' });
    expect(await complaint(folder)).toMatch(/^FOLDER is an encoder-decoder \("t5"\)/);
  });
});
