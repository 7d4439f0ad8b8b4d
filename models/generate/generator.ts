/** @file Generating with an exported decoder: prompts in, continuations out, in batches whose make-up does not show. */
import { UserError } from '../../base/errors.js';
import type { JsonObject } from '../../base/json.js';
import type { Device } from '../../onnx/device.js';
import { checkVocabulary, type HfTokenizer } from '../huggingface/tokenizer.js';
import { batchesOf } from './batches.js';
import { Decoder } from './decoder.js';
import { beginDecoding } from './decoding.js';
import { type LogitsProcessor, processorsFor } from './logits.js';
import { type Generated, Row } from './row.js';
import { likeliest, logProbability, Sampler } from './sampling.js';
import { type Continuation, scoreContinuations } from './score.js';
import { type GenerateOptions, roomFor, settle, type Settings } from './settings.js';

export interface GeneratorSource {
  /** The file as it was exported. */
  readonly onnxPath: string;
  /** config.json */
  readonly config: JsonObject;
  /** generation_config.json: what its authors recommend. */
  readonly generationConfig?: JsonObject;
  readonly device: Device;
  /** Run the file's own graph, though its attention could be split to run faster. Default false. */
  readonly asIs?: boolean;
  /** For texts and `stop`. */
  readonly tokenizer?: HfTokenizer;
}

export interface RunOptions {
  /** Rows that run at once. Default 32. Changes speed and memory, and results by rounding alone. */
  readonly batchSize?: number;
  /** What the prompts count as, in results and for random numbers: their indices in a larger file. Default 0, 1, … */
  readonly indices?: readonly number[];
  /** Report the log-probability of each token under the model. */
  readonly logProbabilities?: boolean;
  /** Called with each token as it is chosen, and the text that it made certain. */
  readonly onToken?: (place: { row: number; sample: number }, token: number, text: string) => void;
  /** Called with each row as it ends. */
  readonly onRow?: (generated: Generated) => void;
}

/** Rows leave the batch when at least this share of it has ended: leaving copies the cache of those that stay. */
const retiredShare = 1 / 8;

export class Generator {
  readonly #decoder: Decoder;
  readonly #source: GeneratorSource;

  private constructor(decoder: Decoder, source: GeneratorSource) {
    this.#decoder = decoder;
    this.#source = source;
  }

  /** @throws UserError for a model that cannot generate, or a tokenizer that does not belong to it */
  static async open(source: GeneratorSource): Promise<Generator> {
    const decoder = await Decoder.open(source.onnxPath, source.config, source.device, source);
    try {
      if (source.tokenizer !== undefined) {
        checkVocabulary(source.tokenizer, decoder.signature.vocabulary, source.onnxPath);
      }
      return new Generator(decoder, source);
    } catch (error) {
      await decoder.release();
      throw error;
    }
  }

  /** V */
  get vocabulary(): number {
    return this.#decoder.signature.vocabulary;
  }

  /** The most tokens of a row, prompt included. */
  get context(): number {
    return this.#decoder.context;
  }

  /**
   * Continues prompts. The result holds the continuations by prompt, then by sample; it depends on neither the size
   * of batches nor on which prompts are beside each other, but for rounding.
   *
   * @throws UserError for prompts that are empty, too long or not of this vocabulary, and settings without sense
   */
  async generate(
    prompts: readonly (readonly number[])[],
    options: GenerateOptions & RunOptions = {},
  ): Promise<Generated[]> {
    const { config, generationConfig, tokenizer } = this.#source;
    const settings = settle(options, generationConfig, config);
    if (settings.stop.length > 0 && tokenizer === undefined) {
      throw new UserError('texts that stop a row are looked for in texts: they need a tokenizer');
    }
    this.#check(prompts);
    const rows = prompts.flatMap((prompt, i) => {
      const row = options.indices?.[i] ?? i;
      return Array.from({ length: settings.numReturn }, (_, sample) =>
        this.#row(prompt, row, sample, settings),
      );
    });
    const { padding } = this.#decoder;
    const { fixedBatch } = this.#decoder.signature;
    const batchSize = fixedBatch ?? options.batchSize ?? 32;
    if (!Number.isInteger(batchSize) || batchSize < 1) {
      throw new UserError(`batchSize is ${batchSize}; expected a whole number above 0`);
    }
    const chooser = new Chooser(settings, this.vocabulary, options.logProbabilities === true);
    const open = rows.filter((row) => !row.finished);
    for (const row of rows.filter((each) => each.finished)) options.onRow?.(row.result(false));
    const lengths = open.map(({ promptLength }) => promptLength);
    for (const batch of batchesOf(lengths, { batchSize, padding })) {
      await this.#run(
        batch.map((index) => open[index]!),
        chooser,
        options,
      );
    }
    return rows.map((row) => row.result(options.logProbabilities === true));
  }

  /** log p of each token of given continuations, under the model itself. */
  async score(
    continuations: readonly Continuation[],
    options: { batchSize?: number } = {},
  ): Promise<number[][]> {
    this.#check(
      continuations.map(({ prompt }) => prompt),
      0,
    );
    this.#check(
      continuations.map(({ prompt, continuation }) => [...prompt, ...continuation]),
      0,
    );
    return scoreContinuations(this.#decoder, continuations, options);
  }

  async release(): Promise<void> {
    await this.#decoder.release();
  }

  #row(prompt: readonly number[], row: number, sample: number, settings: Settings): Row {
    const room = roomFor(prompt.length, settings, this.context);
    const atContext = room < roomFor(prompt.length, settings, Infinity);
    return new Row(prompt, { row, sample }, settings, { room, atContext }, this.#source.tokenizer);
  }

  async #run(batch: Row[], chooser: Chooser, options: RunOptions): Promise<void> {
    const decoding = await beginDecoding(
      this.#decoder,
      batch.map(({ tokens }) => tokens),
    );
    try {
      let rows = batch;
      for (;;) {
        const next = new Int32Array(decoding.rows);
        rows.forEach((row, i) => {
          if (row.finished) return;
          next[i] = chooser.choose(row, decoding.logits(i));
          row.push(next[i]);
          options.onToken?.(row, next[i], row.news());
          if (row.finished) options.onRow?.(row.result(options.logProbabilities === true));
        });
        const going = rows.flatMap((row, i) => (row.finished ? [] : [i]));
        if (going.length === 0) return;
        let appended = next;
        if (rows.length - going.length >= retiredShare * rows.length && going.length < rows.length) {
          if (decoding.keep(going)) {
            rows = going.map((i) => rows[i]!);
            appended = Int32Array.from(going, (i) => next[i]!);
          }
        }
        await decoding.append(appended);
      }
    } finally {
      decoding.release();
    }
  }

  #check(prompts: readonly (readonly number[])[], room = 1): void {
    prompts.forEach((prompt, row) => {
      if (prompt.length === 0) {
        throw new UserError(`row ${row} has no token: begin it with the tokenizer's beginning-of-text token`);
      }
      if (prompt.length + room > this.context) {
        throw new UserError(
          `row ${row} has ${prompt.length} tokens, and the model's positions allow ${this.context}: shorten it`,
        );
      }
      const wrong = prompt.findIndex((id) => !Number.isInteger(id) || id < 0 || id >= this.vocabulary);
      if (wrong >= 0) {
        throw new UserError(
          `row ${row}, token ${wrong}: ${prompt[wrong]} is no id of the model's vocabulary (0 to ${this.vocabulary - 1})`,
        );
      }
    });
  }
}

/** Chooses a row's next token from its logits. */
class Chooser {
  readonly #processors: readonly LogitsProcessor[];
  readonly #sampler: Sampler | undefined;
  /** The model's own logits, where they are asked for and would be changed. */
  readonly #untouched: Float32Array | undefined;
  readonly #logProbabilities: boolean;

  constructor(settings: Settings, vocabulary: number, logProbabilities: boolean) {
    this.#processors = processorsFor(settings);
    this.#sampler = settings.doSample ? new Sampler(settings, vocabulary) : undefined;
    const changes = this.#processors.length > 0 || settings.doSample;
    this.#untouched = logProbabilities && changes ? new Float32Array(vocabulary) : undefined;
    this.#logProbabilities = logProbabilities;
  }

  choose(row: Row, logits: Float32Array): number {
    this.#untouched?.set(logits);
    for (const process of this.#processors) process(row, logits);
    const token = this.#sampler?.draw(logits, row.random) ?? likeliest(logits);
    if (token < 0) {
      throw new UserError(
        `row ${row.row}: the model's logits are not numbers after ${row.tokens.length} tokens. Its weights are damaged, ` +
          'or overflow at this precision: try the fp32 file',
      );
    }
    if (this.#logProbabilities) row.logProbabilities.push(logProbability(this.#untouched ?? logits, token));
    return token;
  }
}
