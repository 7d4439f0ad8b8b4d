/** What is found out about exports by trying: how their rows may be padded. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../base/json.js';
import { parseDevice } from '../../onnx/device.js';
import { temporaryFixture } from '../huggingface/testing/fixtures.js';
import { batchesOf } from './batches.js';
import { Decoder } from './decoder.js';

describe('padding', () => {
  it.each([
    ['gpt2', 'optimum', 'left'],
    ['llama', 'slim', 'left'],
    ['llama-tied', 'fp16', 'left'],
    ['gemma3', 'optimum', 'left'],
    // GroupQueryAttention keeps each row at the beginning of its cache.
    ['llama-tied', 'genai', 'right'],
    ['qwen2', 'genai', 'right'],
    // No cache at all.
    ['llama', 'dynamo', 'right'],
  ])('%s by %s: %s', async (name, road, padding) => {
    const { folder, onnxPath, remove } = await temporaryFixture(name, road);
    try {
      const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')) as JsonObject;
      const decoder = await Decoder.open(onnxPath, config, parseDevice('cpu:1'), { asIs: true });
      expect(decoder.padding).toBe(padding);
      await decoder.release();
    } finally {
      await remove();
    }
  });
});

describe('split attention', () => {
  it.each([
    ['gpt2', 'optimum'],
    ['gpt2', 'slim'],
    ['llama', 'optimum'],
    ['llama-tied', 'q4'],
    ['qwen2', 'optimum'],
    ['qwen3', 'optimum'],
    ['phi', 'optimum'],
  ])('%s by %s takes it: its cache is not copied', async (name, road) => {
    const { folder, onnxPath, remove } = await temporaryFixture(name, road);
    try {
      const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')) as JsonObject;
      const decoder = await Decoder.open(onnxPath, config, parseDevice('cpu:1'));
      expect(decoder.isSplit).toBe(true);
      await decoder.release();
    } finally {
      await remove();
    }
  });
});

describe('batches', () => {
  it('hold rows of similar length, the longest first', () => {
    expect(batchesOf([3, 9, 4, 8, 3], { batchSize: 2, padding: 'left' })).toEqual([[1, 3], [2, 0], [4]]);
  });

  it('hold rows of one length alone where padding shows', () => {
    expect(batchesOf([3, 9, 3, 9, 9], { batchSize: 2, padding: 'none' })).toEqual([[1, 3], [4], [0, 2]]);
  });
});
