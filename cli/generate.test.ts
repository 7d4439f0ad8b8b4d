/** @file `temper generate`: prompts in every form, and what is written about them. */
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { recordedNumbers, temporaryFixture, type Unpacked } from '../models/huggingface/testing/fixtures.js';
import { registerGenerate } from './generate.js';

const { prompts, tokens, eos, maxNewTokens } = recordedNumbers('llama-tied').generation!;
const flags = ['--max-new-tokens', String(maxNewTokens), '--eos-id', String(eos)];

let fixture: Unpacked;
let folder: string;

beforeAll(async () => {
  fixture = await temporaryFixture('llama-tied', 'optimum');
  folder = await mkdtemp(join(tmpdir(), 'temper-generate-'));
});
afterAll(async () => {
  await fixture.remove();
  await rm(folder, { recursive: true });
});
afterEach(() => vi.restoreAllMocks());

/** What the command prints on standard output. */
async function printed(...args: string[]): Promise<string> {
  const program = new Command('temper').exitOverride();
  registerGenerate(program);
  let text = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((data) => {
    text += String(data);
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation(() => true);
  await program.parseAsync(['generate', fixture.folder, ...args], { from: 'user' });
  vi.restoreAllMocks();
  return text;
}

const recordsIn = (text: string) =>
  text
    .trim()
    .split('\n')
    .map(
      (line) =>
        JSON.parse(line) as { row: number; output_ids: number[]; logprobs: number[]; finish_reason: string },
    );

describe('temper generate', () => {
  it('continues token ids as transformers does', async () => {
    const records = recordsIn(await printed('--input-ids', JSON.stringify(prompts), '--json', ...flags));
    expect(records.map(({ output_ids }) => output_ids)).toEqual(tokens);
    expect(records.map(({ row }) => row)).toEqual(prompts.map((_, row) => row));
    for (const { output_ids, logprobs, finish_reason } of records) {
      expect(logprobs).toHaveLength(output_ids.length);
      expect(finish_reason).toBe(output_ids.includes(eos) ? 'eos' : 'length');
    }
  });

  it('reads padded rows from a file, and writes to one', async () => {
    const width = Math.max(...prompts.map(({ length }) => length));
    const padded = prompts.map((ids) => ({
      input_ids: [...new Array<number>(width - ids.length).fill(0), ...ids],
      attention_mask: [...new Array<number>(width - ids.length).fill(0), ...ids.map(() => 1)],
    }));
    const [data, out] = [join(folder, 'rows.jsonl'), join(folder, 'out.jsonl')];
    writeFileSync(data, padded.map((row) => JSON.stringify(row)).join('\n'));
    expect(await printed('--input-ids', data, '--out', out, '--batch-size', '2', ...flags)).toBe('');
    expect(recordsIn(readFileSync(out, 'utf8')).map(({ output_ids }) => output_ids)).toEqual(tokens);
  });

  it('prints texts, at once or as they come', async () => {
    const args = ['--prompt', 'the cat', '--prompt', 'hello', '--chat', '--max-new-tokens', '6'];
    const whole = await printed(...args);
    expect(whole.length).toBeGreaterThan(2);
    expect(await printed(...args, '--stream')).toBe(whole);
  });

  it('draws the same for the same seed', async () => {
    const args = ['--input-ids', '[5, 6]', '--do-sample', '--num-return', '2', '--json'];
    const first = await printed(...args, '--seed', '1');
    expect(await printed(...args, '--seed', '1', '--batch-size', '1')).toBe(first);
    expect(await printed(...args, '--seed', '2')).not.toBe(first);
    expect(recordsIn(first)).toHaveLength(2);
  });

  it('says what is missing, and what does not go together', async () => {
    await expect(printed()).rejects.toThrow(/Give one of --prompt, --data and --input-ids/);
    await expect(printed('--prompt', 'a', '--do-sample', '--greedy')).rejects.toThrow(/exclude each other/);
    await expect(printed('--input-ids', '[1, "x"]')).rejects.toThrow(/expected token ids as/);
    await expect(printed('--prompt', 'a', '--stream', '--json')).rejects.toThrow(/prints text alone/);
    const data = join(folder, 'hole.jsonl');
    writeFileSync(data, '{"input_ids": [1, 2, 3], "attention_mask": [1, 0, 1]}');
    await expect(printed('--data', data)).rejects.toThrow(/line 1: attention_mask\[1\] is 0 between tokens/);
  });
});
