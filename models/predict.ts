/** @file Predictions: probabilities of choices or classes, and a language model's loss. */
import type ort from 'onnxruntime-node';
import type { Device } from '../onnx/device.js';
import { encodeModel } from '../onnx/encode.js';
import { openSession, type SessionLease, toOrt } from '../onnx/session.js';
import type { Tensors } from '../onnx/trainer.js';
import { activationsGraph, headGraph, languageModelLossGraph } from './forward.js';
import type { GptConfig } from './gpt.js';
import { type Head, modelParameters } from './heads.js';
import { groupRows, groupTokens, type RowGroup, rowsInARun } from './row-groups.js';
import type { LanguageModelRow } from './training.js';

export interface PredictedRow {
  readonly tokens: readonly number[];
  /** Token ids to choose from; not for classes. */
  readonly choices?: readonly number[];
}

interface PredictedModel {
  readonly config: GptConfig;
  /** None: choices are made by the language model as it is. */
  readonly head?: Head;
  readonly parameters: Tensors;
}

/**
 * Predicts with a model, or with other parameters of the same shapes: weights are fed, not stored in the
 * graph, so that following a training costs no new session.
 */
export class Predictor {
  readonly #config: GptConfig;
  readonly #head: Head;
  readonly #parameters: Tensors;
  readonly #device: Device;
  readonly #leases = new Map<string, SessionLease>();

  private constructor({ config, head = { kind: 'choices' }, parameters }: PredictedModel, device: Device) {
    this.#config = config;
    this.#head = head;
    this.#parameters = parameters;
    this.#device = device;
  }

  static async create(model: PredictedModel, { device }: { device: Device }): Promise<Predictor> {
    const predictor = new Predictor(model, device);
    await predictor.#session('head');
    return predictor;
  }

  /** Probabilities of each row's choices, or of the classes. */
  async choiceProbabilities(
    rows: readonly PredictedRow[],
    parameters = this.#parameters,
  ): Promise<number[][]> {
    const { session } = await this.#session('head');
    const weights = this.#weights(parameters, this.#head);
    const results: number[][] = new Array<number[]>(rows.length);
    for (const group of this.#groups(rows, (row) => row.choices?.length ?? 0)) {
      const count = rows[group.indices[0] as number]?.choices?.length ?? 0;
      const last = new Int32Array(group.rows);
      const choices = new Int32Array(group.rows * count);
      group.indices.forEach((index, i) => {
        const row = rows[index] as PredictedRow;
        last[i] = row.tokens.length - 1;
        choices.set(row.choices ?? [], i * count);
      });
      const feeds: Record<string, ort.Tensor> = {
        ...weights,
        tokens: toOrt({ shape: [group.rows, group.length], data: groupTokens(rows, group) }),
        last: toOrt({ shape: [group.rows], data: last }),
      };
      if (this.#head.kind === 'choices')
        feeds['choices'] = toOrt({ shape: [group.rows, count], data: choices });
      const logits = (await session.run(feeds))['logits'] as ort.Tensor;
      const width = logits.dims[1] as number;
      group.indices.forEach((index, i) => {
        results[index] = softmax((logits.data as Float32Array).subarray(i * width, (i + 1) * width));
      });
    }
    return results;
  }

  /** The residual stream after block `layer` (0: before the first) at each row's last token: [width] each. */
  async activations(
    rows: readonly PredictedRow[],
    layer: number,
    parameters = this.#parameters,
  ): Promise<Float32Array[]> {
    const { session } = await this.#session(layer);
    const weights = this.#weights(parameters, this.#head);
    const results = new Array<Float32Array>(rows.length);
    for (const group of this.#groups(rows, () => 0)) {
      const last = new Int32Array(group.rows);
      group.indices.forEach((index, i) => (last[i] = (rows[index] as PredictedRow).tokens.length - 1));
      const output = await session.run({
        ...weights,
        tokens: toOrt({ shape: [group.rows, group.length], data: groupTokens(rows, group) }),
        last: toOrt({ shape: [group.rows], data: last }),
      });
      const { data, dims } = output['activations'] as ort.Tensor;
      const width = dims[1] as number;
      group.indices.forEach((index, i) => {
        results[index] = (data as Float32Array).slice(i * width, (i + 1) * width);
      });
    }
    return results;
  }

  /** Mean of −log p over the tokens that count, of all rows together. Only for language models. */
  async languageModelLoss(rows: readonly LanguageModelRow[], parameters = this.#parameters): Promise<number> {
    const totals = await this.languageModelLosses(rows, parameters);
    // Summed in the order of the rows, whatever groups they were run in.
    const sum = totals.reduce((all, row) => ({ loss: all.loss + row.loss, weight: all.weight + row.weight }));
    return sum.loss / sum.weight;
  }

  /** Each row's sum of −log p over the tokens that count, and their weights' sum. Only for language models. */
  async languageModelLosses(
    rows: readonly LanguageModelRow[],
    parameters = this.#parameters,
  ): Promise<{ loss: number; weight: number }[]> {
    if (this.#head.kind !== 'choices') throw new Error('a classifier has no language model loss');
    const { session } = await this.#session('loss');
    const weights = this.#weights(parameters, this.#head);
    const read = rows.map(({ tokens }) => ({ tokens: tokens.slice(0, -1) }));
    const next = rows.map(({ tokens }) => ({ tokens: tokens.slice(1) }));
    const totals = new Array<{ loss: number; weight: number }>(rows.length);
    for (const group of this.#groups(read, () => 0)) {
      const shape = [group.rows, group.length];
      const output = await session.run({
        ...weights,
        tokens: toOrt({ shape, data: groupTokens(read, group) }),
        targets: toOrt({ shape, data: groupTokens(next, group) }),
      });
      const losses = (output['losses'] as ort.Tensor).data as Float32Array;
      group.indices.forEach((index, i) => {
        const own = losses.subarray(i * group.length, (i + 1) * group.length);
        totals[index] = rowLoss(rows[index] as LanguageModelRow, own);
      });
    }
    return totals;
  }

  /** Gives the sessions back. */
  async release(): Promise<void> {
    for (const lease of this.#leases.values()) await lease.release();
    this.#leases.clear();
  }

  /** @param asked for a number: the activations of that layer */
  async #session(asked: 'head' | 'loss' | number): Promise<SessionLease> {
    const kind = String(asked);
    const open = this.#leases.get(kind);
    if (open !== undefined) return open;
    const lease = await openSession(encodeModel(this.#graph(asked)), this.#device);
    this.#leases.set(kind, lease);
    return lease;
  }

  #graph(asked: 'head' | 'loss' | number) {
    if (asked === 'head') return headGraph(this.#config, this.#head, 'fed');
    if (asked === 'loss') return languageModelLossGraph(this.#config, 'fed');
    return activationsGraph(this.#config, this.#head, asked, 'fed');
  }

  #weights(parameters: Tensors, head: Head): Record<string, ort.Tensor> {
    return Object.fromEntries(
      modelParameters(this.#config, head).map(({ name }) => {
        const tensor = parameters[name];
        if (tensor === undefined) throw new Error(`the model lacks the parameter "${name}"`);
        return [name, toOrt(tensor)];
      }),
    );
  }

  #groups<Row extends { tokens: readonly number[] }>(
    rows: readonly Row[],
    countOf: (row: Row) => number,
  ): RowGroup[] {
    const classes = this.#head.kind === 'classification' ? this.#head.classes : 0;
    const rowsOf = (length: number): number => rowsInARun(this.#config, length, classes);
    return groupRows(rows, this.#config.context, rowsOf, countOf);
  }
}

function rowLoss(
  { tokens, weights }: LanguageModelRow,
  losses: Float32Array,
): { loss: number; weight: number } {
  let [loss, weight] = [0, 0];
  for (let position = 0; position + 1 < tokens.length; position++) {
    const counts = weights === undefined ? 1 : (weights[position + 1] ?? 0);
    loss += counts * (losses[position] as number);
    weight += counts;
  }
  return { loss, weight };
}

/** In float64, so that probabilities add up to one. */
function softmax(logits: Float32Array): number[] {
  const highest = logits.reduce((max, logit) => Math.max(max, logit), -Infinity);
  const powers = Array.from(logits, (logit) => Math.exp(logit - highest));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}
