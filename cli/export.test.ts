import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { initialiseGpt } from '../models/gpt.js';
import { adapterFolder, unpackFixture } from '../models/huggingface/testing/fixtures.js';
import { saveModel } from '../models/model.js';
import { byteTokenizer } from '../models/tokenizer.js';
import { addGlobalOptions } from './context.js';
import { registerExport } from './export.js';

let scratch: string;
beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'cli-export-'));
  vi.spyOn(process.stdout, 'write').mockReturnValue(true);
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(scratch, { recursive: true });
});

async function temper(...args: string[]): Promise<void> {
  const program = new Command('temper').exitOverride();
  addGlobalOptions(program);
  registerExport(program);
  await program.parseAsync(['--folder', join(scratch, '.temper'), 'export', ...args], { from: 'user' });
}

describe('temper export', () => {
  it("writes a built-in model's folder as one that Hugging Face's libraries load", async () => {
    const tokenizer = byteTokenizer();
    const sizes = { layers: 1, width: 8, heads: 2, context: 16, vocabulary: tokenizer.vocabularySize };
    const config = { architecture: 'gpt' as const, ...sizes };
    await saveModel(join(scratch, 'own'), { config, tokenizer, parameters: initialiseGpt(config, 1) });
    await temper(join(scratch, 'own'), '--out', join(scratch, 'out'));
    expect((await readdir(join(scratch, 'out'))).sort()).toEqual([
      ...['config.json', 'generation_config.json', 'model.safetensors', 'onnx', 'tokenizer.json'],
      'tokenizer_config.json',
    ]);
  });

  it('merges an adapter into a model', async () => {
    const model = await unpackFixture('gpt2', 'optimum', join(scratch, 'gpt2'));
    await temper(model, '--adapter', adapterFolder('gpt2', 'lora'), '--out', join(scratch, 'out'));
    const config = JSON.parse(await readFile(join(scratch, 'out/config.json'), 'utf8')) as object;
    expect(config).toMatchObject({ model_type: 'gpt2' });
    expect((await stat(join(scratch, 'out/onnx/model.onnx'))).size).toBeGreaterThan(10_000);
  });

  it('says what is wrong', async () => {
    const model = await unpackFixture('bert', 'optimum', join(scratch, 'bert'));
    const out = ['--out', join(scratch, 'out')];
    await expect(temper(model, ...out)).rejects.toThrow(/holds no built-in model.*can be used as it is/);
    await expect(temper('0123456789', ...out)).rejects.toThrow(/there is no store/);
    await expect(temper(model, '--adapter', adapterFolder('gpt2', 'lora'), ...out)).rejects.toThrow(
      /layer transformer\.h\.0\.attn\.c_attn, which the model lacks/,
    );
    expect((await readdir(scratch)).sort()).toEqual(['bert']);
  });
});
