/** @file A fine-tuning from its data to its products: it can be cut off anywhere, and gone on with. */
import { UserError } from '../../base/errors.js';
import type { JsonObject } from '../../base/json.js';
import { deviceName } from '../../onnx/device.js';
import { requireDevice } from '../../onnx/probe.js';
import type { TrainingState } from '../../onnx/state.js';
import type { StepReport } from '../../onnx/trainer.js';
import { NonFiniteError, OutOfMemoryError } from '../../onnx/training-errors.js';
import { readExamples } from '../data/read.js';
import { padIdOf } from '../huggingface/config.js';
import { importNetwork, readParameter } from '../huggingface/network.js';
import { openModel, type OpenOptions } from '../huggingface/open.js';
import { loadTokenizer } from '../huggingface/tokenizer.js';
import { Tuner } from '../tuner.js';
import { trainedAdapters } from './adapters.js';
import { type StepPlan, planSteps } from './plan.js';
import { writeProducts } from './products.js';
import { RunFolder } from './run-folder.js';
import {
  type FinetuneSettings,
  fullSettings,
  type FullSettings,
  optimizerOf,
  scheduleOf,
} from './settings.js';
import { fileSource, modelSource } from './source.js';
import { type LoggedStep, openStepLog, type StepLog } from './step-log.js';
import { trainedTask } from './task.js';

export interface FinetuneOptions
  extends FinetuneSettings, Pick<OpenOptions, 'revision' | 'offline' | 'onNotice'> {
  /** A folder, an ONNX file, or `owner/name[@revision]` on the hub. */
  readonly model: string;
  /** A CSV, TSV, JSONL or Parquet file. */
  readonly data: string;
  /** Folder of what comes out, and of checkpoints on the way. */
  readonly out: string;
  /** Folder of a PEFT adapter to start from. */
  readonly adapter?: string;
  /** Adapters merged into an ONNX model, too. */
  readonly merge?: boolean;
  /** File that loss, gradient norm and learning rate of every step are written to, a line of JSON each. */
  readonly log?: string;
  /** Begin anew where the folder holds something else. */
  readonly overwrite?: boolean;
  /** Seconds between checkpoints at least. Default 30; more where writing one takes long. */
  readonly checkpointSeconds?: number;
  /** Steps between checkpoints; none: time decides alone. */
  readonly checkpointSteps?: number;
  readonly onProgress?: (progress: FinetuneProgress) => void;
  /** When aborted, the training stops behind the step that it is in, writes a checkpoint, and throws {@link Interrupted}. */
  readonly signal?: AbortSignal;
}

export interface FinetuneProgress {
  /** Steps taken. */
  readonly step: number;
  readonly of: number;
  /** Of the last step. */
  readonly loss: number;
  /** Over the last steps, in this process. */
  readonly stepsPerSecond: number;
}

export interface FinetuneResult {
  readonly out: string;
  readonly steps: number;
  /** Of the last step, before its update. */
  readonly loss: number;
  /** Number of elements that were trained. */
  readonly trainedParameters: number;
  /** Paths of what was written, in `out`. */
  readonly files: readonly string[];
}

/** A training that was asked to stop; the same call goes on with it. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

/**
 * Fine-tunes a model on a file. The same call after an interruption goes on from the last checkpoint and ends with the
 * same bytes; after the end it returns what is there.
 *
 * @throws UserError for what is wrong with settings, model or data, and where the loss is no number any more
 * @throws EnvironmentError for what is missing around it: device, memory, space
 */
export async function finetune(options: FinetuneOptions): Promise<FinetuneResult> {
  const settings = fullSettings(options, options);
  await requireDevice(settings.device);
  const { revision, offline, onNotice, file, weights } = options;
  const model = await openModel(options.model, { revision, offline, onNotice, file, weights });
  const network = await importNetwork(model);
  const { task, head, loss } = trainedTask(network, model.config, settings);
  const tokenizer = model.hasTokenizer ? await loadTokenizer(model.folder) : undefined;
  const { context, vocabulary } = network;
  noteVocabulary(tokenizer, vocabulary, onNotice);
  const examples = await readExamples({
    ...{ path: options.data, task, vocabulary, context, tokenizer, forTraining: true },
    ...{ format: settings.format, maxLength: settings.maxLength, lossOn: settings.lossOn },
  });
  const padId = padIdOf(model.config) ?? tokenizer?.padId ?? 0;
  const plan = planSteps(examples, settings, { task, context, padId, path: options.data });
  const adapters =
    settings.train === 'lora'
      ? await trainedAdapters(network, model.config, settings, { adapter: options.adapter, given: options })
      : undefined;
  const run: JsonObject = {
    model: await modelSource(model, network),
    data: await fileSource(options.data),
    ...(options.adapter === undefined
      ? {}
      : { adapter: await fileSource(`${options.adapter}/adapter_model.safetensors`) }),
    settings: recorded(settings),
    merge: options.merge ?? false,
  };
  const folder = await RunFolder.open(options.out, run, options.overwrite ?? false);
  try {
    const finished = await folder.result();
    if (finished !== undefined) {
      options.onNotice?.(`this training is done: ${folder.path}`);
      return { out: folder.path, ...(finished['result'] as unknown as Omit<FinetuneResult, 'out'>) };
    }
    const { tuner, steps } = await fromStanding(folder, (state) => {
      if (state !== undefined) options.onNotice?.(`goes on after step ${state.step} of ${plan.steps}`);
      return Tuner.open({
        ...{ network, loss, head, read: readParameter, decay: 'all', steps: plan.steps },
        ...(adapters ?? { train: settings.train === 'head' ? 'head' : 'full' }),
        optimizer: optimizerOf(settings),
        schedule: scheduleOf(settings),
        clipNorm: settings.maxGradNorm,
        ...{
          recompute: settings.recompute,
          seed: settings.seed,
          device: settings.device,
          dtype: settings.dtype,
        },
        state,
      });
    });
    try {
      await trainLogged(tuner, plan, { folder, steps, options });
      const parameters = await tuner.parameters();
      const trained = { model, network, task, head, lora: tuner.lora, parameters };
      const files = await writeProducts(trained, folder.path, { merge: options.merge ?? false, onNotice });
      const trainedParameters = Object.values(parameters).reduce((sum, { data }) => sum + data.length, 0);
      const result = { steps: plan.steps, loss: steps.at(-1)?.loss ?? NaN, trainedParameters, files };
      await folder.finish({ ...run, rows: examples.length, result });
      return { out: folder.path, ...result };
    } finally {
      await tuner.release();
    }
  } finally {
    await folder.release();
  }
}

/** A tuner that goes on from the last checkpoint. A function of its own, so that what was read is not held on to. */
async function fromStanding(
  folder: RunFolder,
  open: (state: TrainingState | undefined) => Promise<Tuner>,
): Promise<{ tuner: Tuner; steps: LoggedStep[] }> {
  const standing = await folder.standing();
  return { tuner: await open(standing?.state), steps: [...(standing?.steps ?? [])] };
}

/** Some models are published with a token more than they have embeddings: no mistake while no row has it. */
function noteVocabulary(
  tokenizer: { vocabularySize: number } | undefined,
  vocabulary: number,
  onNotice: FinetuneOptions['onNotice'],
): void {
  if (tokenizer === undefined || tokenizer.vocabularySize <= vocabulary) return;
  onNotice?.(
    `the tokenizer has ${tokenizer.vocabularySize} tokens and the model's vocabulary ${vocabulary}: they may not belong together`,
  );
}

async function trainLogged(tuner: Tuner, plan: StepPlan, along: Omit<Along, 'log'>): Promise<void> {
  const log = await openStepLog(along.options.log, along.steps);
  try {
    await train(tuner, plan, { ...along, log });
  } finally {
    log.close();
  }
}

/** Settings as run.json has them: what changes speed alone is left out. */
function recorded({ device, lora, train, ...settings }: FullSettings): JsonObject {
  const adapters = train === 'lora' ? { lora } : {};
  const all = { ...settings, train, ...adapters, device: deviceName(device).replace(/^cpu:.*/, 'cpu') };
  return JSON.parse(JSON.stringify(all)) as JsonObject;
}

interface Along {
  readonly folder: RunFolder;
  /** Of every step taken; added to. */
  readonly steps: LoggedStep[];
  readonly log: StepLog;
  readonly options: FinetuneOptions;
}

async function train(tuner: Tuner, plan: StepPlan, along: Along): Promise<void> {
  const { folder, steps, options, log } = along;
  const pace = new Pace();
  const checkpoints = new Cadence(options, tuner.step);
  const save = async (): Promise<void> => {
    log.sync();
    await folder.save({ state: await tuner.currentState(), steps });
  };
  while (tuner.step < plan.steps) {
    if (options.signal?.aborted === true) {
      if (tuner.step > 0) await save();
      throw new Interrupted(
        `stopped after step ${tuner.step} of ${plan.steps}. The same command goes on from there.`,
      );
    }
    await folder.renew();
    const first = tuner.step;
    const count = Math.min(pace.steps, plan.steps - first, checkpoints.stepsLeft(first));
    const began = performance.now();
    const chunk = Array.from({ length: count }, (_, i) => plan.at(first + i));
    const note = (reports: readonly StepReport[]): void => {
      reports.forEach((report, i) => {
        const logged = loggedStep(first + i + 1, report);
        steps.push(logged);
        log.append(logged);
      });
    };
    try {
      note(await tuner.run(chunk));
    } catch (error) {
      if (!(error instanceof NonFiniteError)) throw explained(error, options);
      note(error.before);
      if (tuner.step > 0) await save();
      throw new UserError(nonFiniteMessage(error, tuner.step, folder.path), { cause: error });
    }
    pace.note(count, (performance.now() - began) / 1000);
    options.onProgress?.({
      step: tuner.step,
      of: plan.steps,
      loss: steps.at(-1)?.loss ?? NaN,
      stepsPerSecond: pace.stepsPerSecond,
    });
    if (tuner.step < plan.steps) await checkpoints.when(tuner.step, save);
  }
}

/** Out of memory, with the flags that help. */
function explained(error: unknown, { batchSize = 8, gradientAccumulation = 1 }: FinetuneOptions): unknown {
  const isArrays = error instanceof RangeError && /allocation failed|typed array length/.test(error.message);
  if (!(error instanceof OutOfMemoryError) && !isArrays) return error;
  const half = Math.ceil(batchSize / 2);
  const smaller =
    batchSize === 1
      ? 'Shorten the rows (--max-length) or train adapters (--lora-rank 8)'
      : `Half the batch with twice the accumulation gives the same losses: --batch-size ${half} --gradient-accumulation ${2 * gradientAccumulation}`;
  return new OutOfMemoryError(
    `${error.message.replace(/\. Use a smaller batch.*$/s, '')}. The batch is of ${batchSize} rows. ${smaller}; --recompute takes less memory, too.`,
    { cause: error },
  );
}

function loggedStep(step: number, { loss, gradientNorm, learningRate }: StepReport): LoggedStep {
  return { step, loss: short(loss), grad_norm: short(gradientNorm), learning_rate: short(learningRate) };
}

/** As many digits as tell a float32 from its neighbours. */
function short(value: number): number {
  return Number(value.toPrecision(9));
}

function nonFiniteMessage({ what, value, step }: NonFiniteError, good: number, folder: string): string {
  const kept =
    good === 0
      ? 'No step went well before it.'
      : `The state after step ${good}, the last good one, is kept in ${folder}.`;
  return (
    `the ${what} is ${value} at step ${step}. ${kept} ` +
    'Lower the learning rate (--lr), lengthen the warm-up (--warmup-steps), or bound the gradient (--max-grad-norm).'
  );
}

/** How many steps go into one run: as many as take about so many seconds. Their number changes no result. */
const chunkSeconds = 0.4;
const stepsAtOnce = 64;

class Pace {
  #secondsPerStep: number | undefined;

  get steps(): number {
    if (this.#secondsPerStep === undefined) return 1;
    return Math.min(stepsAtOnce, Math.max(1, Math.floor(chunkSeconds / this.#secondsPerStep)));
  }

  get stepsPerSecond(): number {
    return this.#secondsPerStep === undefined ? 0 : 1 / this.#secondsPerStep;
  }

  note(steps: number, seconds: number): void {
    const now = seconds / steps;
    // New sizes build new graphs, which takes a while: one slow run does not say much about the next.
    this.#secondsPerStep = this.#secondsPerStep === undefined ? now : 0.7 * this.#secondsPerStep + 0.3 * now;
  }
}

/** Writing checkpoints takes at most so much of the time. */
const shareOfTime = 1 / 20;

/** When it is time for a checkpoint. */
class Cadence {
  readonly #everySteps: number;
  #seconds: number;
  #savedAt = performance.now();
  #savedStep: number;

  constructor({ checkpointSeconds = 30, checkpointSteps = Infinity }: FinetuneOptions, step: number) {
    this.#seconds = checkpointSeconds;
    this.#everySteps = checkpointSteps;
    this.#savedStep = step;
  }

  /** Steps until the next checkpoint that steps decide on. */
  stepsLeft(step: number): number {
    return Math.max(1, this.#savedStep + this.#everySteps - step);
  }

  async when(step: number, save: () => Promise<void>): Promise<void> {
    const now = performance.now();
    if (step - this.#savedStep < this.#everySteps && now - this.#savedAt < this.#seconds * 1000) return;
    await save();
    this.#savedAt = performance.now();
    this.#savedStep = step;
    this.#seconds = Math.max(this.#seconds, (this.#savedAt - now) / 1000 / shareOfTime);
  }
}
