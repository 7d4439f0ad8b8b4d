/**
 * @file Answers questions with a model, several at once, each word as soon as it is there for one.
 *
 *     node dist/examples/generate.js MODEL 'What is a dialect?' 'Who was Ada?'
 *
 * MODEL is a folder with an ONNX export, or owner/name on the hub.
 */
import { generate } from '../models/index.js';

const [model = '', ...questions] = process.argv.slice(2);
if (questions.length === 0) throw new Error('give a model and a question or several');

const prompts = questions.map((content) => [{ role: 'user', content }]);
const answers = await generate({ model, prompts, maxNewTokens: 40, doSample: true, topP: 0.9, seed: 1 });
for (const { row, text = '' } of answers) console.log(`${questions[row]}\n  ${text.trim()}\n`);

// One alone can be read while it is written.
await generate({
  model,
  prompts: prompts.slice(0, 1),
  maxNewTokens: 40,
  onText: (text) => process.stdout.write(text),
});
console.log();
