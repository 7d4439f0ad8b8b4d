/** @file `temper finetune MODEL --data FILE --out FOLDER`: trains a Hugging Face ONNX model on a file. */
import { createLogUpdate } from 'log-update';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { UserError } from '../base/errors.js';
import type { FinetuneOptions, FinetuneProgress } from '../models/index.js';
import { counted, formatSeconds, note, print, printJson } from './output.js';
import { addModelOptions, addRowOptions, wholeNumber } from './predict.js';

type Switch = 'on' | 'off';

interface FinetuneCommandOptions extends Omit<
  FinetuneOptions,
  'model' | 'shuffle' | 'groupByLength' | 'onNotice' | 'onProgress' | 'signal'
> {
  readonly shuffle?: Switch;
  readonly groupByLength?: Switch;
  readonly json?: boolean;
}

export function registerFinetune(program: Command): void {
  const command = program
    .command('finetune')
    .argument('<model>', 'a model folder, an ONNX file, or owner/name on the hub')
    .description('fine-tune a model on a file; the same command goes on where it was interrupted')
    .requiredOption('--data <file>', 'rows as CSV, TSV, JSONL or Parquet')
    .requiredOption('--out <folder>', 'what comes out, and checkpoints on the way')
    .option('--overwrite', 'begin anew where the folder holds something else')
    .option('--log <file>', 'loss, gradient norm and learning rate of every step, as JSONL')
    .option('--json', 'print the result as JSON');
  addModelOptions(command);
  addRowOptions(command);
  addSubjectOptions(command);
  addOptimizerOptions(command);
  addLengthOptions(command);
  command.action(async (model: string, options: FinetuneCommandOptions) => {
    process.exitCode = await run(model, options);
  });
}

function addSubjectOptions(command: Command): void {
  command
    .addOption(
      new Option(
        '--train <what>',
        'full, head or lora (default: lora with --lora-… or --adapter, else full)',
      ).choices([...['full', 'head', 'lora']]),
    )
    .addOption(
      new Option('--head <kind>', 'what to train the model as (default: what it was exported as)').choices([
        ...['language', 'classification', 'reward'],
      ]),
    )
    .option('--classes <count>', 'classes of a new classification head', wholeNumber)
    .addOption(
      new Option(
        '--pooling <what>',
        'what a new head reads (default: last token, of encoders the first)',
      ).choices([...['last', 'cls', 'mean']]),
    )
    .option('--lora-rank <r>', 'rank of the adapters (default: 8)', wholeNumber)
    .option('--lora-alpha <alpha>', 'their scale is alpha / rank (default: 8)', number)
    .option(
      '--lora-targets <names>',
      "layers, comma-separated; all-linear; or a regular expression (default: PEFT's)",
      targets,
    )
    .option('--lora-dropout <share>', "share of the adapters' inputs left out (default: 0)", number)
    .option('--use-rslora', 'scale by alpha / √rank')
    .option('--adapter <folder>', 'start from a PEFT adapter')
    .option('--merge', 'write adapters merged into an ONNX model, too');
}

function addOptimizerOptions(command: Command): void {
  command
    .addOption(new Option('--optimizer <name>', 'default: adamw').choices(['adamw', 'sgd']))
    .option('--lr <rate>', 'learning rate (default: 0.001)', number)
    .option('--betas <numbers...>', 'of AdamW (default: 0.9 0.999)', betas)
    .option('--eps <number>', 'of AdamW (default: 1e-8)', number)
    .option('--weight-decay <number>', 'default: 0.01 for adamw, 0 for sgd', number)
    .option('--momentum <number>', 'of SGD (default: 0)', number)
    .option('--max-grad-norm <number>', "bound of the gradients' global norm (default: none)", number)
    .option('--lr-scheduler <name>', 'constant, linear, cosine (default: constant)')
    .option('--warmup-steps <count>', 'steps of linear rise from 0 (default: 0)', number);
}

function addLengthOptions(command: Command): void {
  const onOff = (flags: string, description: string): Option =>
    new Option(flags, description).choices(['on', 'off']);
  command
    .option('--steps <count>', 'optimizer steps', wholeNumber)
    .option('--epochs <count>', 'times through the data, instead of steps (default: 3)', number)
    .option('--batch-size <rows>', 'rows of a micro-batch (default: 8)', wholeNumber)
    .option('--gradient-accumulation <count>', 'micro-batches of a step (default: 1)', wholeNumber)
    .addOption(onOff('--shuffle <on|off>', 'a new order in every epoch (default: on)'))
    .addOption(onOff('--group-by-length <on|off>', 'rows of like length together (default: as --shuffle)'))
    .option('--seed <number>', 'of order, adapters and dropout (default: 0)', number)
    .addOption(
      new Option('--dtype <type>', 'of sums and products (default: float32)').choices(['float32', 'float16']),
    )
    .option('--recompute', 'compute activations again instead of keeping them: slower, less memory')
    .option('--checkpoint-seconds <count>', 'between checkpoints at least (default: 30)', number)
    .option('--checkpoint-steps <count>', 'steps between checkpoints at most', wholeNumber);
}

async function run(model: string, options: FinetuneCommandOptions): Promise<number> {
  const { finetune, Interrupted } = await import('../models/index.js');
  const { shuffle, groupByLength, json, ...rest } = options;
  if ((options.betas as readonly number[] | undefined)?.length === 1)
    throw new UserError('--betas are two numbers, as 0.9 0.999');
  const stop = new AbortController();
  const onSignal = (): void => {
    note('stopping behind this step …');
    stop.abort();
  };
  const progress = progressOn(process.stderr);
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  try {
    const result = await finetune({
      ...rest,
      model,
      ...(shuffle === undefined ? {} : { shuffle: shuffle === 'on' }),
      ...(groupByLength === undefined ? {} : { groupByLength: groupByLength === 'on' }),
      onNotice: note,
      onProgress: (at) => progress.show(at),
      signal: stop.signal,
    });
    progress.end();
    if (json === true) printJson(result);
    else {
      print(
        `${counted(result.steps, 'step')}, last loss ${result.loss.toPrecision(4)}, ` +
          `${result.trainedParameters.toLocaleString('en')} parameters trained; in ${result.out}: ${result.files.join(', ')}`,
      );
    }
    return 0;
  } catch (error) {
    progress.end();
    if (!(error instanceof Interrupted)) throw error;
    note(error.message);
    return 130;
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
}

interface ProgressLine {
  show(progress: FinetuneProgress): void;
  end(): void;
}

/** In place on a terminal, a line now and then elsewhere. */
function progressOn(stream: NodeJS.WriteStream): ProgressLine {
  if (stream.isTTY) {
    const update = createLogUpdate(stream);
    return { show: (progress) => update(progressText(progress)), end: () => update.done() };
  }
  let shown = -Infinity;
  return {
    show: (progress) => {
      const now = performance.now();
      if (now - shown < quietSeconds * 1000 && progress.step < progress.of) return;
      shown = now;
      stream.write(`${progressText(progress)}\n`);
    },
    end: () => undefined,
  };
}

const quietSeconds = 15;

function progressText({ step, of, loss, stepsPerSecond }: FinetuneProgress): string {
  const pace = `${stepsPerSecond.toPrecision(3)} steps/s`;
  return `step ${step}/${of}, loss ${loss.toFixed(4)}, ${pace}, ${formatSeconds((of - step) / stepsPerSecond)} left`;
}

function number(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value)) return value;
  throw new InvalidArgumentError(`"${text}" is not a number.`);
}

/** `0.9 0.999` or `0.9,0.999` */
function betas(text: string, before: readonly number[] = []): readonly number[] {
  const all = [...before, ...text.split(/[\s,]+/).map(number)];
  if (all.length <= 2) return all;
  throw new InvalidArgumentError('they are two numbers, as 0.9 0.999.');
}

/** Names stay a list, as PEFT has them; what holds other characters is a regular expression. */
function targets(text: string): string | string[] {
  if (text === 'all-linear' || !/^[\w.,\s]+$/.test(text)) return text;
  return text.split(/[\s,]+/).filter((name) => name !== '');
}
