/** @file Writing with the built-in GPT: the likeliest continuation of each prompt, or drawn ones, in batches. */
import type ort from 'onnxruntime-node';
import { UserError } from '../../base/errors.js';
import { Random } from '../../base/random.js';
import type { Device } from '../../onnx/device.js';
import { encodeModel } from '../../onnx/encode.js';
import { openSession, type SessionLease, toOrt } from '../../onnx/session.js';
import type { Tensors } from '../../onnx/trainer.js';
import { likeliest, Sampler } from '../generate/sampling.js';
import type { GptConfig } from '../gpt.js';
import { modelParameters } from '../heads.js';
import { groupRows, groupTokens, type RowGroup, rowsInARun } from '../row-groups.js';
import type { Tokenizer } from '../tokenizer.js';
import { Continuation, type Limits, type Written } from './continuation.js';
import { nextTokenGraph } from './next-token.js';

export interface WritingOptions {
  /** Tokens of an answer at most. */
  readonly tokens: number;
  /** Texts that end an answer; they are cut off. Of a text the tokenizer knows no token of (white space), nothing is seen. */
  readonly stop?: readonly string[];
  /** 0 (default): the likeliest token each time, the first of equally likely ones. */
  readonly temperature?: number;
  /** Continuations of each prompt; only with a temperature can they differ. Default 1. */
  readonly samples?: number;
  /** Of what is drawn. The draws for a prompt depend on the seed, the prompt and the sample's number alone. */
  readonly seed?: number | string;
  /** Called between two runs of the model, so that whoever waits hears that it goes on. */
  readonly between?: (done: { ended: number; of: number }) => Promise<void>;
}

interface WritingModel {
  readonly config: GptConfig;
  readonly tokenizer: Tokenizer;
  readonly parameters: Tensors;
}

/**
 * Writes with a model, or with other parameters of the same shapes. The built-in tokenizers have no token of their own
 * that ends a text: the one that begins texts serves as it, as in GPT-2.
 *
 * The whole sequence is computed for each new token. Answers of a few tokens gain little from a cache, and without one
 * a row's numbers are those of {@link groupRows}: the same whoever its neighbours are, and on any number of threads.
 */
export class Writer {
  readonly #model: WritingModel;
  readonly #lease: SessionLease;

  private constructor(model: WritingModel, lease: SessionLease) {
    this.#model = model;
    this.#lease = lease;
  }

  static async create(model: WritingModel, { device }: { device: Device }): Promise<Writer> {
    return new Writer(model, await openSession(encodeModel(nextTokenGraph(model.config)), device));
  }

  /**
   * @returns for each prompt its continuations, `samples` of them
   * @throws UserError for a prompt that leaves no room in the model's context
   */
  async write(
    prompts: readonly string[],
    options: WritingOptions,
    parameters = this.#model.parameters,
  ): Promise<Written[][]> {
    const { config, tokenizer } = this.#model;
    const { samples = 1, seed = 0, temperature = 0 } = options;
    const limits: Limits = {
      stops: stopsOf(options.stop ?? [], tokenizer),
      context: config.context,
      end: tokenizer.bos,
    };
    const texts = prompts.map((prompt, index) => {
      const tokens = [tokenizer.bos, ...tokenizer.encode(prompt)];
      requireRoom(tokens.length, config.context, index, prompt);
      return Array.from(
        { length: samples },
        (_, sample) => new Continuation(tokens, Random.of(seed, 'write', prompt, sample), options.tokens),
      );
    });
    const choose = this.#chooser(temperature);
    const all = texts.flat();
    const weights = this.#weights(parameters);
    for (let open = all; open.length > 0; open = open.filter(({ ended }) => !ended)) {
      for (const group of this.#groups(open)) {
        const logits = await this.#run(open, group, weights);
        group.indices.forEach((index, column) => {
          const text = open[index] as Continuation;
          text.push(choose(logits(column), text.random), limits);
        });
        await options.between?.({ ended: all.filter(({ ended }) => ended).length, of: all.length });
      }
    }
    return texts.map((row) => row.map((text) => text.result(tokenizer)));
  }

  /** Gives the session back. */
  async release(): Promise<void> {
    await this.#lease.release();
  }

  /** The next token of a text, given its logits, which may be changed. */
  #chooser(temperature: number): (logits: Float32Array, random: Random) => number {
    const { tokenizer } = this.#model;
    const settings = { temperature, topK: 0, topP: 1, minP: 0 };
    const sampler = new Sampler(settings, this.#model.config.vocabulary);
    return (logits, random) => {
      // Nobody writes padding, or a word that is not known.
      logits[tokenizer.pad] = -Infinity;
      logits[tokenizer.unk] = -Infinity;
      const token = temperature === 0 ? likeliest(logits) : sampler.draw(logits, random);
      if (token < 0) throw new UserError("the model's answers are no numbers: its training diverged");
      return token;
    };
  }

  /** Runs a group; returns the logits [vocabulary] of its row `column`. */
  async #run(
    rows: readonly Continuation[],
    group: RowGroup,
    weights: Record<string, ort.Tensor>,
  ): Promise<(column: number) => Float32Array> {
    const last = new Int32Array(group.rows);
    group.indices.forEach((index, i) => (last[i] = (rows[index] as Continuation).tokens.length - 1));
    const output = await this.#lease.session.run({
      ...weights,
      tokens: toOrt({ shape: [group.rows, group.length], data: groupTokens(rows, group) }),
      last: toOrt({ shape: [group.rows], data: last }),
    });
    const { data, dims } = output['logits'] as ort.Tensor;
    const [vocabulary, columns] = dims as [number, number];
    const values = data as Float32Array;
    return (column) => Float32Array.from({ length: vocabulary }, (_, v) => values[v * columns + column]!);
  }

  #groups(rows: readonly Continuation[]): RowGroup[] {
    const { config } = this.#model;
    return groupRows(rows, config.context, (length) => rowsInARun(config, length));
  }

  #weights(parameters: Tensors): Record<string, ort.Tensor> {
    return Object.fromEntries(
      modelParameters(this.#model.config).map(({ name }) => {
        const tensor = parameters[name];
        if (tensor === undefined) throw new Error(`the model lacks the parameter "${name}"`);
        return [name, toOrt(tensor)];
      }),
    );
  }
}

/** Token ids of texts; without those that no sequence of known tokens can be. */
function stopsOf(texts: readonly string[], tokenizer: Tokenizer): number[][] {
  return texts
    .map((text) => tokenizer.encode(text))
    .filter((ids) => ids.length > 0 && !ids.includes(tokenizer.unk));
}

function requireRoom(length: number, context: number, index: number, prompt: string): void {
  if (length < context) return;
  const beginning = prompt.length > 60 ? `${prompt.slice(0, 60)}…` : prompt;
  throw new UserError(
    `prompt ${index + 1} (${JSON.stringify(beginning)}) has ${length} tokens, and the model's context of ${context} ` +
      'leaves no room for an answer. Ask for fewer examples, or give the model a longer context.',
  );
}
