/** @file A model's numbers for candidates: rewards, or log-probabilities of responses. */
import type ort from 'onnxruntime-node';
import type { Device } from '../../onnx/device.js';
import { encodeGraph, encodeModel } from '../../onnx/encode.js';
import { Graph, type Value } from '../../onnx/graph.js';
import { openSession, type SessionLease, toOrt } from '../../onnx/session.js';
import type { Tensors } from '../../onnx/trainer.js';
import type { GptConfig } from '../gpt.js';
import { type Head, modelParameters } from '../heads.js';
import { groupRows, type RowGroup, rowsInARun } from '../row-groups.js';
import { candidateScores, responseLogProbabilities, rewardHead } from './network.js';
import type { Candidate, Pair } from './pair.js';
import { policyRows, scoreRows, type PairSize } from './rows.js';
import { type Likelihood, merit, preferenceOf, type Reading } from './reading.js';

interface JudgedModel {
  readonly config: GptConfig;
  /** None: a language model. */
  readonly head?: Head;
  readonly parameters: Tensors;
}

/** Candidates that run together: see row-groups.ts. */
type Group = RowGroup & PairSize;

/** Weights are fed, not stored in the graphs: following a training costs no new session. */
export class Judge {
  readonly #config: GptConfig;
  readonly #parameters: Tensors;
  readonly #device: Device;
  readonly #leases = new Map<string, SessionLease>();
  /** Whether the model is a reward model; a language model otherwise. */
  readonly scores: boolean;

  /** @throws where the model has a head for something else */
  constructor({ config, head, parameters }: JudgedModel, { device }: { device: Device }) {
    if (head !== undefined && (head.kind !== 'classification' || head.classes !== 1)) {
      throw new Error('the model has a head for something else than preferences');
    }
    this.scores = head !== undefined;
    this.#config = config;
    this.#parameters = parameters;
    this.#device = device;
  }

  /** A reward for each candidate; for reward models. */
  async rewards(candidates: readonly Candidate[], parameters = this.#parameters): Promise<number[]> {
    const rewards = new Array<number>(candidates.length);
    await this.#run('scores', candidates, parameters, (outputs, { indices }) => {
      const scores = (outputs['scores'] as ort.Tensor).data as Float32Array;
      indices.forEach((index, row) => (rewards[index] = scores[row]!));
    });
    return rewards;
  }

  /** Of each response given its prompt; for language models. */
  async likelihoods(candidates: readonly Candidate[], parameters = this.#parameters): Promise<Likelihood[]> {
    const likelihoods = new Array<Likelihood>(candidates.length);
    await this.#run('policy', candidates, parameters, (outputs, { indices }) => {
      const sums = (outputs['logProbabilities'] as ort.Tensor).data as Float32Array;
      indices.forEach((index, row) => {
        const { tokens, start } = candidates[index]!;
        likelihoods[index] = { logProbability: sums[row]!, length: tokens.length - start };
      });
    });
    return likelihoods;
  }

  /** Gives the sessions back. */
  async release(): Promise<void> {
    for (const lease of this.#leases.values()) await lease.release();
    this.#leases.clear();
  }

  async #run(
    kind: 'scores' | 'policy',
    candidates: readonly Candidate[],
    parameters: Tensors,
    take: (outputs: ort.InferenceSession.OnnxValueMapType, group: Group) => void,
  ): Promise<void> {
    if ((kind === 'scores') !== this.scores) {
      throw new Error(`a ${this.scores ? 'reward' : 'language'} model has no ${kind}`);
    }
    const weights = this.#weights(parameters);
    for (const group of this.#groups(kind, candidates)) {
      const members = group.indices.map((index) => candidates[index]!);
      const fed =
        kind === 'scores' ? scoreRows(members, group.rows, group) : policyRows(members, group.rows, group);
      const shapes = inputShapes(group);
      const { session } = await this.#session(kind, group);
      const outputs = await session.run({
        ...weights,
        ...Object.fromEntries(
          Object.entries(fed).map(([name, data]) => [name, toOrt({ shape: shapes[name]!, data })]),
        ),
      });
      take(outputs, group);
    }
  }

  #groups(kind: 'scores' | 'policy', candidates: readonly Candidate[]): Group[] {
    const read = candidates.map(({ tokens, start }) => ({
      tokens: kind === 'scores' ? tokens : tokens.slice(0, -1),
      places: kind === 'scores' ? 0 : 2 ** Math.ceil(Math.log2(tokens.length - start)),
    }));
    const rowsOf = (length: number) => rowsInARun(this.#config, length);
    return groupRows(read, this.#config.context, rowsOf, ({ places }) => places).map((group) => ({
      ...group,
      places: Math.min(read[group.indices[0]!]!.places, group.length),
    }));
  }

  async #session(kind: 'scores' | 'policy', size: Group): Promise<SessionLease> {
    const key = `${kind} ${size.length} ${size.places}`;
    const known = this.#leases.get(key);
    if (known !== undefined) return known;
    const lease = await openSession(judgeModel(this.#config, kind, size), this.#device);
    this.#leases.set(key, lease);
    return lease;
  }

  #weights(parameters: Tensors): Record<string, ort.Tensor> {
    return Object.fromEntries(
      modelParameters(this.#config, this.scores ? rewardHead : undefined).map(({ name }) => {
        const tensor = parameters[name];
        if (tensor === undefined) throw new Error(`the model lacks the parameter "${name}"`);
        return [name, toOrt(tensor)];
      }),
    );
  }
}

const inputShapes = ({ rows, length, places }: Group): Record<string, number[]> => ({
  tokens: [rows, length],
  last: [rows],
  positions: [rows * places],
  next: [rows * places],
  mask: [rows, places],
});

function judgeModel(config: GptConfig, kind: 'scores' | 'policy', size: Group): Uint8Array {
  const graph = new Graph();
  const shapes = inputShapes(size);
  const input = (name: string, dtype: 'int32' | 'float32' = 'int32') =>
    graph.input(name, dtype, shapes[name]!);
  const specs = modelParameters(config, kind === 'scores' ? rewardHead : undefined);
  const values = new Map(specs.map(({ name, shape }) => [name, graph.input(name, 'float32', shape)]));
  const parameters = (name: string) => values.get(name)!;
  return encodeModel(encodeGraph('judge', graph.inputs, outputs()));

  function outputs(): Record<string, Value> {
    const tokens = input('tokens');
    if (kind === 'scores') {
      return { scores: candidateScores(config, parameters, { tokens, last: input('last') }) };
    }
    const { logProbabilities } = responseLogProbabilities(config, parameters, {
      tokens,
      positions: input('positions'),
      next: input('next'),
      mask: input('mask', 'float32'),
    });
    return { logProbabilities };
  }
}

/**
 * [p, 1 − p] of each pair, p the probability that its first candidate is the better one, by the model's own numbers.
 *
 * @param reference of the candidates behind one another, under the reference; for an implicit reward
 * @param parameters instead of the judge's own: to follow a training
 */
export async function preferences(
  judge: Judge,
  reading: Reading,
  pairs: readonly Pair[],
  { reference, parameters }: { reference?: readonly Likelihood[]; parameters?: Tensors } = {},
): Promise<[number, number][]> {
  const candidates = pairs.flat();
  const merits =
    reading.by === 'score'
      ? await judge.rewards(candidates, parameters)
      : (await judge.likelihoods(candidates, parameters)).map((likelihood, index) =>
          merit(reading, likelihood, reference?.[index]),
        );
  return pairs.map((_, index) => preferenceOf(merits[2 * index]!, merits[2 * index + 1]!));
}
