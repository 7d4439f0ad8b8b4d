/**
 * @file Fine-tunes a language model with adapters, and says how much likelier the answers have become.
 *
 *     node dist/examples/finetune.js MODEL rows.jsonl OUT
 *
 * MODEL is a folder with an ONNX export, or owner/name on the hub; each row has a prompt and a completion.
 */
import { finetune, predict } from '../models/index.js';

const [model = '', data = '', out = ''] = process.argv.slice(2);
if (out === '') throw new Error('give a model, a file of rows, and a folder for what comes out');

/** ln p of a completion's token, on average. */
async function likelihood(adapter?: string): Promise<number> {
  const rows = await predict({ model, data, adapter });
  const tokens = rows
    .flatMap((row) => ('logprobs' in row ? row.logprobs : []))
    .filter((value) => value !== null);
  return tokens.reduce((sum, value) => sum + value, 0) / tokens.length;
}

const before = await likelihood();
const { steps, trainedParameters } = await finetune({
  ...{ model, data, out },
  ...{ loraRank: 8, loraAlpha: 16, loraTargets: 'all-linear' },
  ...{ lr: 2e-3, lrScheduler: 'cosine', warmupSteps: 5, maxGradNorm: 1, epochs: 10, batchSize: 4 },
  onProgress: ({ step, of, loss }) => console.error(`step ${step} of ${of}: loss ${loss.toFixed(3)}`),
});
const after = await likelihood(out);
console.log(
  `${steps} steps on ${trainedParameters} parameters: ln p ${before.toFixed(2)} → ${after.toFixed(2)}`,
);
