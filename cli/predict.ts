/** @file `temper predict MODEL --data FILE`: what a model says about each row of a file. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type Prediction, type PredictionOptions } from '../models/classify.js';
import { weightSuffixes, type WeightChoice } from '../models/huggingface/folder.js';
import { checkPredictionPath, jsonLines, writePredictions } from '../models/prediction-file.js';
import { counted, note } from './output.js';

interface PredictCommandOptions extends PredictionOptions {
  readonly out?: string;
  readonly adapter?: string;
  readonly revision?: string;
  readonly offline?: boolean;
  readonly file?: string;
  readonly weights?: WeightChoice;
}

export function registerPredict(program: Command): void {
  const command = program
    .command('predict')
    .argument('<model>', 'a model folder, an ONNX file, or owner/name on the hub')
    .description('predict classes, scores or how likely tokens are, for the rows of a file, in their order')
    .requiredOption('--data <file>', 'rows as CSV, TSV, JSONL or Parquet')
    .option('--out <file>', 'write to a .jsonl, .csv or .parquet file (default: JSONL on standard output)')
    .option('--logits', 'logits as they are, instead of probabilities')
    .option('--adapter <folder>', 'a PEFT adapter to put into the model')
    .option('--batch-size <rows>', 'rows that are run together at most', wholeNumber, 32);
  addModelOptions(command);
  addRowOptions(command);
  command.action(async (model: string, options: PredictCommandOptions) => {
    if (options.out !== undefined) checkPredictionPath(options.out);
    const { openPredictions } = await import('../models/index.js');
    const predictions = openPredictions({ ...options, model, onNotice: note });
    if (options.out === undefined) return writeAll(jsonLines(predictions));
    const rows = await writePredictions(options.out, predictions as AsyncIterable<Prediction>);
    note(`${counted(rows, 'row')} in ${options.out}`);
  });
}

/** Where a model comes from and what it runs on: the same for every command that takes one. */
export function addModelOptions(command: Command): void {
  command
    .option('--device <name>', 'cpu[:threads], webgpu[:n], cuda[:n]; default: cpu, all cores')
    .option('--revision <name>', "branch, tag or commit of the hub's repository")
    .option('--offline', 'do not ask the hub; its cache has to do')
    .option('--file <path>', 'the ONNX file in the folder, where it is not the usual one')
    .addOption(
      new Option('--weights <kind>', 'which of several ONNX files').choices(Object.keys(weightSuffixes)),
    );
}

/** How rows are read. */
export function addRowOptions(command: Command): void {
  command
    .addOption(
      new Option('--format <name>', "the data's format, where its ending does not tell").choices([
        ...['csv', 'tsv', 'jsonl', 'parquet'],
      ]),
    )
    .option('--max-length <tokens>', 'cut longer rows off', wholeNumber)
    .addOption(
      new Option('--loss-on <part>', 'which tokens of completions and conversations count')
        .choices(['replies', 'everything'])
        .default('replies'),
    );
}

/** For options that count something: 1, 2, 3, … */
export function wholeNumber(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0 && /^\d+$/.test(text)) return value;
  throw new InvalidArgumentError(`"${text}" is not a whole number from 1.`);
}

async function writeAll(lines: AsyncIterable<string>): Promise<void> {
  for await (const line of lines) {
    if (!process.stdout.write(line)) await new Promise((resolve) => process.stdout.once('drain', resolve));
  }
}
