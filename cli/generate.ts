/** @file `temper generate MODEL`: continues prompts with a model. */
import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { UserError } from '../base/errors.js';
import { collect } from './context.js';
import { note, print, warn } from './output.js';
import { addModelOptions, wholeNumber } from './predict.js';
import type { OpenedGenerator, OpenGeneratorOptions } from '../models/generate/open.js';
import type { Prompt } from '../models/generate/prompts.js';
import type { Generated } from '../models/generate/row.js';
import type { GenerateOptions } from '../models/generate/settings.js';

interface GenerateCommandOptions extends OpenGeneratorOptions {
  readonly prompt: string[];
  readonly data?: string;
  readonly inputIds?: string;
  readonly chat?: boolean;
  readonly maxNewTokens?: number;
  readonly minNewTokens?: number;
  readonly doSample?: boolean;
  readonly greedy?: boolean;
  readonly temperature?: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly minP?: number;
  readonly repetitionPenalty?: number;
  readonly eosId: number[];
  readonly stop: string[];
  readonly numReturn?: number;
  readonly seed?: number;
  readonly batchSize: number;
  readonly stream?: boolean;
  readonly json?: boolean;
  readonly out?: string;
}

export function registerGenerate(program: Command): void {
  const command = program
    .command('generate')
    .argument('<model>', 'a model folder, an ONNX file, or owner/name on the hub')
    .description('continue prompts; what is not said comes from generation_config.json, as in transformers')
    .option('--prompt <text>', 'a text to continue; may be given again', collect, [])
    .option('--data <file>', 'prompts as CSV, TSV, JSONL or Parquet: prompt, text, messages or input_ids')
    .option('--input-ids <ids>', 'token ids as JSON ([1, 2] or [[1, 2], [3]]), or a file like --data')
    .option('--chat', "prompts are a user's words: put them through the model's chat template")
    .option('--max-new-tokens <count>', 'tokens to generate at most', wholeNumber)
    .option('--min-new-tokens <count>', 'tokens to generate at least', wholeNumber)
    .option('--do-sample', 'draw tokens')
    .option('--greedy', 'take the likeliest token, whatever generation_config.json says')
    .option('--temperature <number>', 'divide logits by it', numeric)
    .option('--top-k <count>', 'draw from so many of the likeliest tokens; 0: all', numeric)
    .option('--top-p <share>', 'draw from the likeliest tokens that together have this probability', numeric)
    .option('--min-p <share>', 'draw from tokens at least this likely, relative to the likeliest', numeric)
    .option('--repetition-penalty <number>', 'make tokens that were there less likely', numeric)
    .option('--eos-id <id>', 'a token that ends a row; may be given again', collectNumbers, [])
    .option('--stop <text>', 'a text that ends a row, and is cut off; may be given again', collect, [])
    .option('--num-return <count>', 'continuations of each prompt', wholeNumber)
    .option('--seed <number>', 'of the random numbers (default: 0)', numeric)
    .option('--batch-size <rows>', 'rows that are run together at most', wholeNumber, 32)
    .option('--adapter <folder>', 'a PEFT adapter to put into the model')
    .option('--stream', 'print the text while it is generated, prompt after prompt')
    .option('--json', 'print a JSON object a row: output_ids, text, logprobs, finish_reason')
    .option('--out <file>', 'write those objects to a .jsonl file');
  addModelOptions(command);
  command.action(async (model: string, options: GenerateCommandOptions) => {
    check(options);
    const { openGenerator } = await import('../models/generate/open.js');
    const opened = await openGenerator(model, { ...options, onNotice: note });
    try {
      await run(opened, options);
    } finally {
      await opened.release();
    }
  });
}

function check(options: GenerateCommandOptions): void {
  const given = [options.prompt.length > 0, options.data !== undefined, options.inputIds !== undefined];
  if (given.filter(Boolean).length !== 1) {
    throw new UserError('what is to be continued? Give one of --prompt, --data and --input-ids');
  }
  if (options.doSample === true && options.greedy === true) {
    throw new UserError('--do-sample and --greedy exclude each other');
  }
  if (options.stream === true && (options.json === true || options.out !== undefined)) {
    throw new UserError('--stream prints text alone; leave it out with --json and --out');
  }
}

async function run(opened: OpenedGenerator, options: GenerateCommandOptions): Promise<void> {
  const { generator, tokenizer, model } = opened;
  const settings = settingsOf(options);
  const samples = settings.doSample ?? model.generationConfig?.['do_sample'] === true;
  if (!samples) {
    for (const name of ['temperature', 'topK', 'topP', 'minP', 'seed'] as const) {
      if (options[name] !== undefined) warn(`${flagOf(name)} changes nothing without --do-sample`);
    }
  }
  const prompts = await promptsOf(options, tokenizer);
  if (options.stream === true) return stream(opened, prompts, settings);
  const asJson = options.json === true || options.out !== undefined;
  const rows = prompts.map(({ ids }) => ids);
  const total = rows.length * (settings.numReturn ?? 1);
  let done = 0;
  const generated = await generator.generate(rows, {
    ...settings,
    batchSize: options.batchSize,
    logProbabilities: asJson,
    onRow: () => {
      done++;
      if (process.stderr.isTTY && total > 1) process.stderr.write(`\r${done} of ${total} rows`);
    },
  });
  if (process.stderr.isTTY && total > 1) process.stderr.write('\n');
  if (!asJson) {
    if (tokenizer === undefined) note("the model's folder has no tokenizer.json: these are token ids");
    for (const row of generated) print(row.text ?? JSON.stringify(row.ids));
    return;
  }
  const lines = generated.map((row) => `${JSON.stringify(recordOf(row, prompts[row.row]!))}\n`);
  if (options.json === true) print(lines.join(''));
  if (options.out !== undefined) await write(options.out, lines);
}

function settingsOf(options: GenerateCommandOptions): GenerateOptions {
  const { maxNewTokens, minNewTokens, temperature, topK, topP, minP, repetitionPenalty, numReturn, seed } =
    options;
  return {
    ...{ maxNewTokens, minNewTokens, temperature, topK, topP, minP, repetitionPenalty, numReturn, seed },
    doSample: options.greedy === true ? false : options.doSample,
    ...(options.stop.length > 0 ? { stop: options.stop } : {}),
    ...(options.eosId.length > 0 ? { eosIds: options.eosId } : {}),
  };
}

async function promptsOf(
  { prompt, data, inputIds, chat }: GenerateCommandOptions,
  tokenizer: OpenedGenerator['tokenizer'],
): Promise<Prompt[]> {
  const { parseIds, readPrompts, textPrompt } = await import('../models/generate/prompts.js');
  if (data !== undefined) return readPrompts(data, { tokenizer, chat });
  if (inputIds === undefined) return prompt.map((text) => textPrompt(text, { tokenizer, chat }));
  if (inputIds.trimStart().startsWith('[')) return parseIds(inputIds).map((ids) => ({ ids }));
  return readPrompts(inputIds, { tokenizer, chat });
}

/** One prompt after the other, each piece of text as soon as it is certain. */
async function stream(
  { generator, tokenizer }: OpenedGenerator,
  prompts: readonly Prompt[],
  settings: GenerateOptions,
): Promise<void> {
  if (tokenizer === undefined) {
    throw new UserError("--stream prints text, and the model's folder has no tokenizer.json");
  }
  for (const [index, { ids }] of prompts.entries()) {
    await generator.generate([ids], {
      ...settings,
      // Continuations of a prompt come one after the other too.
      batchSize: 1,
      indices: [index],
      onToken: (_place, _token, text) => process.stdout.write(text),
      onRow: () => process.stdout.write('\n'),
    });
  }
}

/** A row of the output, in the words of other tools. */
function recordOf({ row, sample, ids, text, logProbabilities, finish }: Generated, prompt: Prompt): object {
  return {
    row,
    sample,
    ...(prompt.text === undefined ? {} : { prompt: prompt.text }),
    input_ids: prompt.ids,
    output_ids: ids,
    ...(text === undefined ? {} : { text }),
    logprobs: logProbabilities,
    finish_reason: finish,
  };
}

async function write(path: string, lines: readonly string[]): Promise<void> {
  const file = createWriteStream(path);
  for (const line of lines) file.write(line);
  file.end();
  await finished(file);
  note(`${lines.length} rows in ${path}`);
}

function numeric(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value)) return value;
  throw new InvalidArgumentError(`"${text}" is not a number.`);
}

function collectNumbers(text: string, before: number[]): number[] {
  return [...before, numeric(text)];
}

/** topK → --top-k */
function flagOf(name: string): string {
  return `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
