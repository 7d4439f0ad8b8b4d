/** @file Training programs of models: as a language model, and on choices or classes. */
import type { Graph, Value } from '../onnx/graph.js';
import {
  argMax,
  cast,
  crossEntropy,
  equal,
  gatherUnique,
  max,
  mul,
  reduceMean,
  reduceSum,
} from '../onnx/operators/index.js';
import { buildTrainingProgram, type TrainingProgram } from '../onnx/program.js';
import type { Schedule } from '../onnx/schedule.js';
import type { Batch } from '../onnx/trainer.js';
import { gptFinalNorm, type GptConfig, gptHidden, gptLogits } from './gpt.js';
import { type Head, headLogits, modelParameters } from './heads.js';

/** How a model is trained. */
export interface Training {
  /** Of the whole training. */
  readonly steps: number;
  /** Rows per step. */
  readonly batch: number;
  readonly learningRate: number;
  /** Steps of linear rise of the learning rate. */
  readonly warmup: number;
  readonly schedule: Schedule['kind'];
  readonly weightDecay: number;
  readonly betas: readonly [number, number];
  readonly eps: number;
  /** Bound of the gradients' global norm; undefined: none. */
  readonly clipNorm?: number;
}

/** A training as the engine takes it. */
export function optimization({
  steps,
  learningRate,
  warmup,
  schedule,
  weightDecay,
  betas,
  eps,
  clipNorm,
}: Training) {
  return {
    optimizer: { kind: 'adamw', learningRate, betas, eps, weightDecay } as const,
    schedule: { kind: schedule, warmup },
    clipNorm,
    steps,
  };
}

/** Tokens of one document and how much the prediction of each of them counts. */
export interface LanguageModelRow {
  /** At most length + 1. */
  readonly tokens: readonly number[];
  /** weights[i] belongs to predicting tokens[i]; weights[0] is never used. Default: 1 for every token. */
  readonly weights?: readonly number[];
}

export interface LanguageModelSize {
  /** Tokens that the model reads in a row: one less than the longest document. */
  readonly length: number;
  /**
   * How many positions of a row are predicted at most. Where only some tokens of a document count, giving
   * their number saves the work of the head everywhere else. Default: every position.
   */
  readonly positions?: number;
}

/** Next-token training; reports the mean loss over the positions that count. */
export function languageModelProgram(
  config: GptConfig,
  { length, positions = length, training }: LanguageModelSize & { training: Training },
): TrainingProgram {
  const { batch } = training;
  const rows = batch * positions;
  return buildTrainingProgram({
    parameters: modelParameters(config),
    inputs: [
      { name: 'tokens', dtype: 'int32', shape: [batch, length] },
      ...(positions < length ? [{ name: 'positions', dtype: 'int32' as const, shape: [rows] }] : []),
      { name: 'targets', dtype: 'int32', shape: [rows] },
      { name: 'weights', dtype: 'float32', shape: [rows] },
    ],
    loss: (_graph, parameters, inputs) => {
      const hidden = gptHidden(config, parameters, inputs('tokens')); // [B·T, D]
      const read = positions < length ? gatherUnique(hidden, inputs('positions')) : hidden; // [N, D]
      const logits = gptLogits(parameters, gptFinalNorm(parameters, read)); // [N, V]
      const losses = mul(crossEntropy(logits, inputs('targets')), inputs('weights')); // [N]
      return { total: reduceSum(losses), count: max(reduceSum(inputs('weights')), 1e-20) };
    },
    ...optimization(training),
  });
}

/** Documents as a step of {@link languageModelProgram} takes them. */
export function languageModelBatch(rows: readonly LanguageModelRow[], size: LanguageModelSize): Batch {
  const { length, positions = length } = size;
  const tokens = new Int32Array(rows.length * length);
  const read = new Int32Array(rows.length * positions);
  const targets = new Int32Array(rows.length * positions);
  const weights = new Float32Array(rows.length * positions);
  rows.forEach((row, r) => {
    if (row.tokens.length > length + 1) {
      throw new RangeError(`row ${r} has ${row.tokens.length} tokens, and at most ${length + 1} fit`);
    }
    tokens.set(row.tokens.slice(0, length), r * length);
    predictedPositions(row, r, size).forEach((position, i) => {
      const at = r * positions + i;
      read[at] = r * length + position;
      targets[at] = row.tokens[position + 1] ?? 0;
      weights[at] = weightAt(row, position);
    });
  });
  return { tokens, targets, weights, ...(positions < length ? { positions: read } : {}) };
}

/** What predicting the token after `position` counts. */
function weightAt({ tokens, weights }: LanguageModelRow, position: number): number {
  if (position + 1 >= tokens.length) return 0;
  return weights === undefined ? 1 : (weights[position + 1] ?? 0);
}

/** The positions that count, filled up with others (which weigh nothing), since each may be read once only. */
function predictedPositions(
  row: LanguageModelRow,
  r: number,
  { length, positions = length }: LanguageModelSize,
): number[] {
  const all = Array.from({ length }, (_, position) => position);
  if (positions === length) return all;
  const counting = all.filter((position) => weightAt(row, position) !== 0);
  if (counting.length > positions) {
    throw new RangeError(`row ${r} has ${counting.length} tokens that count, and at most ${positions} fit`);
  }
  const others = all.filter((position) => weightAt(row, position) === 0);
  return [...counting, ...others.slice(0, positions - counting.length)];
}

export interface LossInputs {
  readonly graph: Graph;
  /** [B, C] */
  readonly logits: Value;
  /** [B, C] probabilities. */
  readonly targets: Value;
  /** step / steps, in [0, 1); scalar. */
  readonly progress: Value;
}

/** A method's loss: a number for each item of the batch, [B]. */
export type LossBuilder = (inputs: LossInputs) => Value;

export interface ChoiceSize {
  /** Tokens in a row, padding included. */
  readonly length: number;
  /** Tokens to choose from, or classes. */
  readonly choices: number;
  /** Whether rows count differently. */
  readonly weighted?: boolean;
}

/** Training on choices among tokens, or on classes; reports also the share of rows that agree with their target. */
export function choiceProgram(
  config: GptConfig,
  head: Head,
  {
    length,
    choices,
    weighted = false,
    loss,
    training,
  }: ChoiceSize & { loss: LossBuilder; training: Training },
): TrainingProgram {
  const { batch } = training;
  return buildTrainingProgram({
    parameters: modelParameters(config, head),
    inputs: [
      { name: 'tokens', dtype: 'int32', shape: [batch, length] },
      { name: 'last', dtype: 'int32', shape: [batch] },
      ...(head.kind === 'choices'
        ? [{ name: 'choices', dtype: 'int32' as const, shape: [batch, choices] }]
        : []),
      { name: 'targets', dtype: 'float32', shape: [batch, choices] },
      ...(weighted ? [{ name: 'weights', dtype: 'float32' as const, shape: [batch] }] : []),
    ],
    loss: (graph, parameters, inputs, { progress }) => {
      const targets = inputs('targets');
      const logits = headLogits(config, head, parameters, {
        tokens: inputs('tokens'),
        last: inputs('last'),
        choices: head.kind === 'choices' ? inputs('choices') : undefined,
      });
      const agreement = reduceMean(cast(equal(argMax(logits), argMax(targets)), 'float32'));
      const losses = loss({ graph, logits, targets, progress }); // [B]
      const counted = weighted ? mul(losses, inputs('weights')) : losses;
      return { total: reduceMean(counted), metrics: { agreement } };
    },
    ...optimization(training),
  });
}

/** One item: what is read, what may be chosen, and what is taught. */
export interface ChoiceRow {
  readonly tokens: readonly number[];
  /** Token ids; for the head `choices`. */
  readonly choices?: readonly number[];
  /** A probability for each choice or class. */
  readonly target: readonly number[];
  /** How much it counts; for programs whose rows are weighted. Default 1. */
  readonly weight?: number;
}

/** Items as a step of {@link choiceProgram} takes them. */
export function choiceBatch(
  rows: readonly ChoiceRow[],
  { length, choices, weighted = false }: ChoiceSize,
): Batch {
  const tokens = new Int32Array(rows.length * length);
  const last = new Int32Array(rows.length);
  const options = new Int32Array(rows.length * choices);
  const targets = new Float32Array(rows.length * choices);
  const chooses = rows.some((row) => row.choices !== undefined);
  rows.forEach((row, r) => {
    if (row.tokens.length === 0 || row.tokens.length > length) {
      throw new RangeError(`row ${r} has ${row.tokens.length} tokens: 1 to ${length} fit`);
    }
    if (row.target.length !== choices || (chooses && row.choices?.length !== choices)) {
      throw new RangeError(
        `row ${r} has ${row.choices?.length} choices and ${row.target.length} targets, not ${choices}`,
      );
    }
    tokens.set(row.tokens, r * length);
    last[r] = row.tokens.length - 1;
    options.set(row.choices ?? [], r * choices);
    targets.set(row.target, r * choices);
  });
  const weights = Float32Array.from(rows, ({ weight = 1 }) => weight);
  return {
    tokens,
    last,
    targets,
    ...(weighted ? { weights } : {}),
    ...(chooses ? { choices: options } : {}),
  };
}
