/** @file Temper's side of the classification bench: FOLDER ROWS, a JSONL file. */
import { predictionsWith } from '../models/classify.js';
import { openModel } from '../models/huggingface/open.js';
import { OriginalModel } from '../models/huggingface/original.js';
import { parseDevice } from '../onnx/device.js';
import { contend } from './contestant.js';

const [folder = '', data = ''] = process.argv.slice(2);
const model = await openModel(folder);
const original = await OriginalModel.open(model, parseDevice('cpu:2'));
await contend(async () => {
  let rows = 0;
  for await (const _ of predictionsWith(original, model, { data, batchSize: 32 })) rows++;
  return rows;
});
