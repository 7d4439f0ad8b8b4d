/** @file Temper's side of the generation bench: FOLDER ROWS PROMPT NEW, as bench/peers/generation.mjs. */
import { openGenerator } from '../models/generate/open.js';
import { contend } from './contestant.js';

const [folder = '', ...numbers] = process.argv.slice(2);
const [rows, length, maxNewTokens] = numbers.map(Number) as [number, number, number];
const { generator } = await openGenerator(folder, { device: 'cpu:2' });
const prompts = Array.from({ length: rows }, (_, row) =>
  Array.from({ length }, (_, i) => ((row * length + i) * 7919) % generator.vocabulary),
);
await contend(async () => {
  const generated = await generator.generate(prompts, {
    maxNewTokens,
    doSample: false,
    eosIds: [],
    batchSize: rows,
  });
  return generated.reduce((sum, { ids }) => sum + ids.length, 0);
});
