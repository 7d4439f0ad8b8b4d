/** @file transformers.js's side of the generation bench: PACKAGE FOLDER ROWS PROMPT NEW (see bench/duel.ts). */
import { contend } from './contend.mjs';

const [, , library, folder, ...numbers] = process.argv;
const [rows, length, maxNewTokens] = numbers.map(Number);
const { AutoModelForCausalLM, Tensor, env } = await import(library);
env.allowRemoteModels = false;
const model = await AutoModelForCausalLM.from_pretrained(folder, {
  dtype: 'fp32',
  device: 'cpu',
  local_files_only: true,
  session_options: { intraOpNumThreads: 2, interOpNumThreads: 1 },
});
const vocabulary = model.config.vocab_size;
const ids = BigInt64Array.from({ length: rows * length }, (_, i) => BigInt((i * 7919) % vocabulary));
const ones = new BigInt64Array(rows * length).fill(1n);

async function work() {
  const output = await model.generate({
    inputs: new Tensor('int64', ids, [rows, length]),
    attention_mask: new Tensor('int64', ones, [rows, length]),
    max_new_tokens: maxNewTokens,
    do_sample: false,
  });
  return rows * (output.dims[1] - length);
}

await contend(work);
