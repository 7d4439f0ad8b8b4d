/** @file transformers.js's side of the classification bench: PACKAGE FOLDER ROWS (a JSON file of token ids). */
import { readFile } from 'node:fs/promises';
import { contend } from './contend.mjs';

const [, , library, folder, file] = process.argv;
const { AutoModelForSequenceClassification, Tensor, env } = await import(library);
env.allowRemoteModels = false;
const model = await AutoModelForSequenceClassification.from_pretrained(folder, {
  dtype: 'fp32',
  device: 'cpu',
  local_files_only: true,
  session_options: { intraOpNumThreads: 2, interOpNumThreads: 1 },
});
const rows = JSON.parse(await readFile(file, 'utf8'));
const batch = 32;

/** As pipelines do it: rows in their order, each batch padded to its longest. */
async function work() {
  for (let start = 0; start < rows.length; start += batch) {
    const part = rows.slice(start, start + batch);
    const length = Math.max(...part.map((ids) => ids.length));
    const shape = [part.length, length];
    const filled = (value) => part.flatMap((ids) => Array.from({ length }, (_, t) => BigInt(value(ids, t))));
    const tensor = (value) => new Tensor('int64', BigInt64Array.from(filled(value)), shape);
    await model({
      input_ids: tensor((ids, t) => ids[t] ?? 0),
      attention_mask: tensor((ids, t) => (t < ids.length ? 1 : 0)),
      token_type_ids: tensor(() => 0),
    });
  }
  return rows.length;
}

await contend(work);
