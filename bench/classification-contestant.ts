/** @file Temper's side of the classification bench: FOLDER ROWS, a JSONL file; opening the model included. */
import { predict } from '../models/index.js';
import { contend } from './contestant.js';

const [model = '', data = ''] = process.argv.slice(2);
await contend(async () => (await predict({ model, data, device: 'cpu:2', batchSize: 32 })).length);
