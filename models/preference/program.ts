/** @file Training programs over pairs of candidates: of a reward model, and of a policy. */
import type { Graph, Value } from '../../onnx/graph.js';
import { mul, reduceMean, reshape } from '../../onnx/operators/index.js';
import { buildTrainingProgram, type InputSpec, type TrainingProgram } from '../../onnx/program.js';
import type { Batch } from '../../onnx/trainer.js';
import type { GptConfig } from '../gpt.js';
import { modelParameters } from '../heads.js';
import { optimization, type Training } from '../training.js';
import { candidateScores, responseLogProbabilities, rewardHead } from './network.js';
import type { Pair } from './pair.js';
import { type PairSize, policyRows, scoreRows } from './rows.js';

interface PairLossInputs {
  readonly graph: Graph;
  /** [P, 2] probability that each candidate is the better one. */
  readonly targets: Value;
  /** step / steps, in [0, 1); scalar. */
  readonly progress: Value;
  readonly steps: number;
}

export interface ScoredPairs extends PairLossInputs {
  /** [P, 2] */
  readonly scores: Value;
}

export interface LikelyPairs extends PairLossInputs {
  /** [P, 2] ln p of each response. */
  readonly logProbabilities: Value;
  /** [P, 2] the same under the reference; where the program was asked for one. */
  readonly reference?: Value;
  /** [P, 2] tokens of each response. */
  readonly lengths: Value;
}

/** Pairs as they are taught. */
export interface PairRow {
  readonly pair: Pair;
  /** How likely each is the better one. */
  readonly target: readonly [number, number];
  /** Default 1; their mean over the data should be 1, or the learning rate means something else. */
  readonly weight?: number;
  /** ln p of both responses under the frozen reference. */
  readonly reference?: readonly [number, number];
}

/** `training.batch` counts pairs: row 2p + c is candidate c of pair p. The loss is one number a pair: [P]. */
export function scoreProgram(
  config: GptConfig,
  { length }: PairSize,
  training: Training,
  loss: (inputs: ScoredPairs) => Value,
): TrainingProgram {
  const pairs = training.batch;
  return buildTrainingProgram({
    parameters: modelParameters(config, rewardHead),
    inputs: [
      { name: 'tokens', dtype: 'int32', shape: [2 * pairs, length] },
      { name: 'last', dtype: 'int32', shape: [2 * pairs] },
      ...taught(pairs),
    ],
    loss: (graph, parameters, inputs, { progress, steps }) => {
      const rewards = candidateScores(config, parameters, { tokens: inputs('tokens'), last: inputs('last') });
      const scores = reshape(rewards, [pairs, 2]);
      const items = loss({ graph, scores, targets: inputs('targets'), progress, steps });
      return { total: reduceMean(mul(items, inputs('weights'))) };
    },
    ...optimization(training),
  });
}

/** Trains the language model itself; with `reference`, beside the log-probabilities of a frozen one. */
export function policyProgram(
  config: GptConfig,
  { length, places }: PairSize,
  training: Training,
  { reference, loss }: { reference: boolean; loss: (inputs: LikelyPairs) => Value },
): TrainingProgram {
  const pairs = training.batch;
  const rows = 2 * pairs;
  return buildTrainingProgram({
    parameters: modelParameters(config),
    inputs: [
      { name: 'tokens', dtype: 'int32', shape: [rows, length] },
      { name: 'positions', dtype: 'int32', shape: [rows * places] },
      { name: 'next', dtype: 'int32', shape: [rows * places] },
      { name: 'mask', dtype: 'float32', shape: [rows, places] },
      ...(reference ? [{ name: 'reference', dtype: 'float32' as const, shape: [pairs, 2] }] : []),
      ...taught(pairs),
    ],
    loss: (graph, parameters, inputs, { progress, steps }) => {
      const likely = responseLogProbabilities(config, parameters, {
        tokens: inputs('tokens'),
        positions: inputs('positions'),
        next: inputs('next'),
        mask: inputs('mask'),
      });
      const beside = reference ? { reference: inputs('reference') } : {};
      const logProbabilities = reshape(likely.logProbabilities, [pairs, 2]);
      const lengths = reshape(likely.lengths, [pairs, 2]);
      const items = loss({
        graph,
        logProbabilities,
        lengths,
        ...beside,
        targets: inputs('targets'),
        progress,
        steps,
      });
      return { total: reduceMean(mul(items, inputs('weights'))) };
    },
    ...optimization(training),
  });
}

function taught(pairs: number): InputSpec[] {
  return [
    { name: 'targets', dtype: 'float32', shape: [pairs, 2] },
    { name: 'weights', dtype: 'float32', shape: [pairs] },
  ];
}

/** Pairs as a step of {@link scoreProgram} takes them. */
export function scoreBatch(rows: readonly PairRow[], size: PairSize): Batch {
  return { ...scoreRows(candidatesOf(rows), 2 * rows.length, size), ...taughtBy(rows) };
}

/** Pairs as a step of {@link policyProgram} takes them. */
export function policyBatch(rows: readonly PairRow[], size: PairSize, reference: boolean): Batch {
  const batch = { ...policyRows(candidatesOf(rows), 2 * rows.length, size), ...taughtBy(rows) };
  if (!reference) return batch;
  const known = rows.flatMap((row, index) => {
    if (row.reference === undefined) throw new RangeError(`row ${index} has no reference`);
    return row.reference;
  });
  return { ...batch, reference: Float32Array.from(known) };
}

function candidatesOf(rows: readonly PairRow[]) {
  return rows.flatMap(({ pair }) => pair);
}

function taughtBy(rows: readonly PairRow[]): Batch {
  return {
    targets: Float32Array.from(rows.flatMap(({ target }) => target)),
    weights: Float32Array.from(rows, ({ weight }) => weight ?? 1),
  };
}
