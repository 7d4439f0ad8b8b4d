/** @file Predictions of a model for the rows of a file: classes, scores, or how likely each token was. */
import { EnvironmentError, messageOf, UserError } from '../base/errors.js';
import { wholeDevice } from '../onnx/device.js';
import { collate, type PaddedRows } from './data/collate.js';
import type { LossOn } from './data/encode.js';
import { type Example, ignoredLabel, type Task } from './data/example.js';
import { type ReadOptions, readExamples } from './data/read.js';
import { classifierTask, contextOf, padIdOf } from './huggingface/config.js';
import type { OpenedModel } from './huggingface/open.js';
import { type Logits, OriginalModel } from './huggingface/original.js';
import { loadTokenizer } from './huggingface/tokenizer.js';

export interface PredictionOptions {
  /** A CSV, TSV, JSONL or Parquet file. */
  readonly data: string;
  readonly format?: ReadOptions['format'];
  /** Logits as they are, instead of probabilities. */
  readonly logits?: boolean;
  /** `cpu:2`, `webgpu`, `cuda:0`; default cpu. */
  readonly device?: string;
  /** Rows that are run together at most. Default 32. */
  readonly batchSize?: number;
  /** Rows of more tokens are cut off on the right; none: they are an error. */
  readonly maxLength?: number;
  /** For language models: which tokens of completions and conversations are asked about. Default: replies. */
  readonly lossOn?: LossOn;
}

/** What is predicted for one row; what it holds follows from the model and from `logits`. */
export type Prediction =
  /** The likeliest class, by its name where it has one, and the probability of each. */
  | { readonly label: number | string; readonly probabilities: readonly number[] }
  /** The probability that each class holds, where several may. */
  | { readonly probabilities: readonly number[] }
  | { readonly score: number }
  /** ln p of each token given those before it; null where there is nothing to predict: the first, and labels of −100. */
  | { readonly logprobs: readonly (number | null)[] }
  /** [classes], or [tokens][vocabulary] */
  | { readonly logits: readonly number[] | readonly (readonly number[])[] };

/** Batches whose rows are sorted by length together: enough to pad little, few enough to hold in memory. */
const batchesSorted = 64;
/** Elements that a run may put out at once: 256 MB of logits. */
const logitsAtOnce = 2 ** 26;

/**
 * Runs the model's own file over every row, and yields predictions in the order of the rows. A row's numbers do not
 * depend on the others but for float noise: they are padded behind their end, which the mask hides.
 *
 * @throws UserError naming file and row for data that do not fit the model
 */
export async function* predictions(
  model: OpenedModel,
  options: PredictionOptions,
): AsyncGenerator<Prediction> {
  const device = wholeDevice(options.device);
  const original = await OriginalModel.open(model, device);
  try {
    yield* predictionsWith(original, model, options);
  } finally {
    await original.release();
  }
}

/** {@link predictions} with a model's file that is open already. */
export async function* predictionsWith(
  original: OriginalModel,
  model: OpenedModel,
  options: PredictionOptions,
): AsyncGenerator<Prediction> {
  const { config } = model;
  const task: Task =
    original.kind === 'language' ? { kind: 'language' } : classifierTask(config, original.outputs);
  const tokenizer = model.hasTokenizer ? await loadTokenizer(model.folder) : undefined;
  const examples = await readExamples({
    path: options.data,
    task,
    forTraining: false,
    vocabulary: vocabularyOf(model, original),
    context: contextOf(config),
    format: options.format,
    maxLength: options.maxLength,
    lossOn: options.lossOn,
    tokenizer,
  });
  const padId = padIdOf(config) ?? tokenizer?.padId;
  // Without a mask an encoder sees padding, and a decoder's classifier that knows no padding reads the last place.
  const sameLength = original.kind === 'classification' && (!original.readsMask || padId === undefined);
  const { batchSize = 32 } = options;
  for (let start = 0; start < examples.length; start += batchSize * batchesSorted) {
    const window = examples.slice(start, start + batchSize * batchesSorted);
    const results = new Array<Prediction>(window.length);
    const limit = original.kind === 'language' ? logitsAtOnce / original.outputs : Infinity;
    for (const group of groups(window, { batchSize, tokens: limit, sameLength })) {
      const rows = group.map((index) => window[index] as Example);
      const logits = await runOf(original, collate(rows, padId ?? 0));
      rows.forEach((example, i) => {
        results[group[i] as number] = predictionOf(task, example, rowOf(logits, i), options.logits ?? false);
      });
    }
    yield* results;
  }
}

async function runOf(original: OriginalModel, rows: PaddedRows): Promise<Logits> {
  try {
    return await original.run(rows);
  } catch (error) {
    const sizes = `${rows.rows} rows of ${rows.length} tokens`;
    if (/failed to allocate|bad_alloc|out of memory|allocation failed/i.test(messageOf(error))) {
      throw new EnvironmentError(
        `not enough memory for ${sizes} at once (${messageOf(error)}). Run fewer together: --batch-size ${Math.ceil(rows.rows / 2)}`,
        { cause: error },
      );
    }
    throw new UserError(`the model fails on ${sizes}: ${messageOf(error)}`, { cause: error });
  }
}

function vocabularyOf({ config, folder }: OpenedModel, original: OriginalModel): number {
  if (original.kind === 'language') return original.outputs;
  const { vocab_size: size } = config;
  if (typeof size === 'number') return size;
  throw new UserError(`${folder}/config.json does not say how many token ids the model knows (vocab_size)`);
}

/** Indexes of the rows that run together: like lengths together, longest first, so that what is too big shows at once. */
function* groups(
  examples: readonly Example[],
  limits: { batchSize: number; tokens: number; sameLength: boolean },
): Generator<number[]> {
  const lengthOf = (index: number): number => examples[index]?.ids.length ?? 0;
  const sorted = examples.map((_, index) => index).sort((a, b) => lengthOf(b) - lengthOf(a));
  let group: number[] = [];
  for (const index of sorted) {
    const longest = group.length === 0 ? 0 : lengthOf(group[0] as number);
    const full =
      group.length === limits.batchSize ||
      (group.length + 1) * longest > limits.tokens ||
      (limits.sameLength && lengthOf(index) !== longest);
    if (group.length > 0 && full) {
      yield group;
      group = [];
    }
    group.push(index);
  }
  if (group.length > 0) yield group;
}

/** One row's part: [length, vocabulary] or [classes]. */
function rowOf({ shape, data }: Logits, row: number): Logits {
  const size = shape.slice(1).reduce((product, dim) => product * dim, 1);
  return { shape: shape.slice(1), data: data.subarray(row * size, (row + 1) * size) };
}

function predictionOf(task: Task, example: Example, logits: Logits, asLogits: boolean): Prediction {
  if (task.kind === 'language') {
    return asLogits ? { logits: tokenLogits(example, logits) } : { logprobs: tokenLogprobs(example, logits) };
  }
  const values = [...logits.data];
  if (asLogits) return { logits: values.map(short) };
  switch (task.kind) {
    case 'score':
      return { score: short(values[0] as number) };
    case 'multi-label':
      return { probabilities: values.map((logit) => short(1 / (1 + Math.exp(-logit)))) };
    case 'classes': {
      const total = logSumExp(logits.data);
      const best = values.indexOf(Math.max(...values));
      const probabilities = values.map((logit) => short(Math.exp(logit - total)));
      return { label: task.names?.[best] ?? best, probabilities };
    }
  }
}

function tokenLogits({ ids }: Example, { shape, data }: Logits): number[][] {
  const vocabulary = shape[1] as number;
  return Array.from(ids, (_, i) => Array.from(data.subarray(i * vocabulary, (i + 1) * vocabulary), short));
}

function tokenLogprobs({ labels = new Int32Array() }: Example, { shape, data }: Logits): (number | null)[] {
  const vocabulary = shape[1] as number;
  return Array.from(labels, (label, i) => {
    if (i === 0 || label === ignoredLabel) return null;
    const before = data.subarray((i - 1) * vocabulary, i * vocabulary);
    return short((before[label] as number) - logSumExp(before));
  });
}

function logSumExp(logits: Float32Array): number {
  const largest = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  return largest + Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - largest), 0));
}

/** As many digits as tell a float32 from its neighbours. */
function short(value: number): number {
  return Number(value.toPrecision(9));
}
