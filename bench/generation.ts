/**
 * @file Generation against transformers.js on the same ONNX file, separate processes in turn (see duel.ts): a random
 * GPT-2 of 6 layers, 384 wide, 32 prompts of 64 tokens, 64 tokens more for each.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Table from 'cli-table3';
import { entryPoint, packageRoot } from '../base/folders.js';
import { exportBuiltin } from '../models/export/builtin.js';
import { type GptConfig, initialiseGpt } from '../models/gpt.js';
import { byteTokenizer } from '../models/tokenizer.js';
import { duel, quartilesText, ratio } from './duel.js';

const config: GptConfig = {
  architecture: 'gpt',
  layers: 6,
  width: 384,
  heads: 6,
  context: 512,
  vocabulary: 4096,
};
/** Rows, tokens of each prompt, and tokens that follow. */
const work = ['32', '64', '64'];
const goal = 1.6;

/** @param folder a model folder instead of the random one */
export async function benchGeneration({
  rounds = 7,
  folder,
}: { rounds?: number; folder?: string } = {}): Promise<void> {
  const made = folder === undefined ? await mkdtemp(join(tmpdir(), 'temper-bench-')) : undefined;
  try {
    const model = folder ?? join(made!, 'gpt2');
    if (folder === undefined) {
      await exportBuiltin(
        { config, tokenizer: byteTokenizer(), parameters: initialiseGpt(config, 1) },
        model,
      );
    }
    const peer = join(packageRoot(), 'bench/peers/generation.mjs');
    const [temper, transformers] = await duel(
      [
        {
          name: 'Temper',
          command: [process.execPath, entryPoint('bench/generation-contestant'), model, ...work],
        },
        {
          name: 'transformers.js',
          command: [process.execPath, peer, '@huggingface/transformers', model, ...work],
        },
      ],
      rounds,
    );
    const table = new Table({
      head: ['', 'tokens/s, median', 'best', 'peak memory'],
      style: { head: [], border: [] },
    });
    for (const { name, rates, peakBytes } of [temper!, transformers!]) {
      const sorted = [...rates].sort((a, b) => a - b);
      table.push([
        name,
        sorted[Math.floor(sorted.length / 2)]!.toFixed(0),
        sorted.at(-1)!.toFixed(0),
        `${(peakBytes / 1e6).toFixed(0)} MB`,
      ]);
    }
    console.log('Greedy generation on 2 threads, 32 prompts of 64 tokens, 64 new tokens each:');
    console.log(table.toString());
    const found = quartilesText(ratio(temper!.rates, transformers!.rates));
    console.log(`Temper over transformers.js, round by round: ${found}; the goal is ${goal}`);
  } finally {
    if (made !== undefined) await rm(made, { recursive: true, force: true });
  }
}
