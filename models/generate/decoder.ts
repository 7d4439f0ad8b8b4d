/** @file An exported decoder ready to run: one forward pass over its original file, with or without a cache. */
import type ort from 'onnxruntime-node';
import { EnvironmentError, messageOf, UserError } from '../../base/errors.js';
import type { JsonObject } from '../../base/json.js';
import type { Device } from '../../onnx/device.js';
import { openFileSession, openSessionOver } from '../../onnx/file-session.js';
import { fromFloat16 } from '../../onnx/half.js';
import { fromOrt, toOrt } from '../../onnx/session.js';
import { CacheBuffers, KeyValueCache } from './cache.js';
import { wantedPositions } from './split-attention.js';
import { type SplitFile, splitFile } from './split-file.js';
import { agrees, paddingOf, type Padding, type Reference, referenceOf } from './padding.js';
import { type DecoderSignature, type IntegerInput, readSignature } from './signature.js';

/** A run's integers, row by row; kept from step to step, since making thousands of bigints a step would show. */
export interface ForwardInputs {
  /** B */
  readonly rows: number;
  /** Tokens of each row in this run: q. */
  readonly length: number;
  /** [B, q] */
  readonly tokens: Int32Array;
  /** [B, tokens in the cache + q]: 1 where there is a token, 0 at padding. */
  readonly mask: Int32Array;
  /** [B, q] */
  readonly positions: Int32Array;
}

/** Whose logits a run is to give: nobody's, those of all of the run's positions, or of one position of each row. */
export type WantedLogits = 'none' | 'all' | readonly number[];

export interface Logits {
  /** [B, positions, V] */
  readonly data: Float32Array;
  /** Where the logits of a row's position begin; positions count from the run's first. */
  readonly at: (row: number, position: number) => number;
}

export interface DecoderOptions {
  /** Run the file's own graph, though its attention could be split to run faster. Default false. */
  readonly asIs?: boolean;
}

export class Decoder {
  readonly signature: DecoderSignature;
  /** Its attention is split (split-attention.ts), so that its cache is never copied. */
  readonly isSplit: boolean;
  /** The most tokens that a row may have: what its positions allow. */
  readonly context: number;
  #padding: Padding = 'none';
  readonly #session: ort.InferenceSession;
  readonly #path: string;
  /** The graph computes logits of chosen positions alone. */
  readonly #chooses: boolean;

  readonly #buffers = new CacheBuffers();
  /** The file itself decides how many tokens its cache keeps. */
  readonly dynamicCache: boolean;
  #logits = new Float32Array(0);

  private constructor(
    session: ort.InferenceSession,
    signature: DecoderSignature,
    path: string,
    config: JsonObject,
    split: { chooses: boolean } | undefined,
  ) {
    this.isSplit = split !== undefined;
    this.#chooses = split?.chooses === true;
    this.#session = session;
    this.signature = signature;
    this.#path = path;
    this.context = contextOf(config);
    this.dynamicCache = slides(config);
  }

  /**
   * Opens a file, and finds out by trying how it is run fastest: with its attention split, where that gives the same
   * logits, else as it is; and how rows of different lengths share a batch.
   *
   * @param onnxPath the file as it was exported
   * @throws UserError for a file that cannot be opened, or is no decoder
   */
  static async open(
    onnxPath: string,
    config: JsonObject,
    device: Device,
    { asIs = false }: DecoderOptions = {},
  ): Promise<Decoder> {
    const original = await Decoder.#original(onnxPath, config, device);
    let reference: Reference | undefined;
    try {
      reference = await referenceOf(original);
      // Tried on the CPU alone, where graphs and JavaScript share memory.
      const file =
        asIs || reference === undefined || device.kind !== 'cpu' || original.dynamicCache
          ? undefined
          : await splitFile(onnxPath, config, original.signature);
      if (file === undefined || reference === undefined) {
        original.#padding = await paddingOf(original, reference);
        return original;
      }
      // Not both at once: each has its weights packed for the processor.
      await original.release();
      const split = await Decoder.#splitOf(file, original.signature, onnxPath, config, device);
      if (await agrees(split, reference, 'right', 'strictly')) {
        split.#padding = 'right';
        return split;
      }
      await split.release();
    } catch (error) {
      await original.release();
      throw error;
    }
    const again = await Decoder.#original(onnxPath, config, device);
    again.#padding = await paddingOf(again, reference);
    return again;
  }

  static async #original(onnxPath: string, config: JsonObject, device: Device): Promise<Decoder> {
    const session = await openFileSession(onnxPath, device);
    try {
      return new Decoder(session, readSignature(session, onnxPath, config), onnxPath, config, undefined);
    } catch (error) {
      await session.release();
      throw error;
    }
  }

  static async #splitOf(
    { bytes, folder, chooses }: SplitFile,
    signature: DecoderSignature,
    onnxPath: string,
    config: JsonObject,
    device: Device,
  ): Promise<Decoder> {
    const session = await openSessionOver(bytes, folder, device);
    return new Decoder(session, signature, onnxPath, config, { chooses });
  }

  /** Whether a prompt's logits are computed at its last position alone. */
  get choosesLogits(): boolean {
    return this.#chooses || this.signature.keptLogits !== undefined;
  }

  /** How rows of different lengths share a batch. */
  get padding(): Padding {
    return this.#padding;
  }

  /** An empty cache for some rows; undefined where the file has none. */
  cache(rows: number, side: Padding): KeyValueCache | undefined {
    const { cache } = this.signature;
    if (cache.length === 0) return undefined;
    const kind = this.isSplit ? 'split' : side === 'right' ? 'shared' : 'returned';
    return new KeyValueCache(cache, rows, this.#buffers, kind);
  }

  /**
   * One run. Tokens are appended to the cache; without one they are all there is (the cache, where the file has one,
   * is fed empty and what it becomes is left behind). The logits' memory is written again by the next run.
   */
  async forward(inputs: ForwardInputs, wanted: WantedLogits, cache?: KeyValueCache): Promise<Logits> {
    const { signature } = this;
    const { rows, length } = inputs;
    const past = inputs.mask.length / rows - length;
    const starts = Array.from({ length: rows }, (_, row) => inputs.positions[row * length]!);
    const feeds: Record<string, ort.Tensor> = {};
    const feed = (input: IntegerInput | undefined, shape: number[], values: Int32Array): void => {
      if (input !== undefined) feeds[input.name] = integers(input, shape, values);
    };
    feed(signature.tokens, [rows, length], inputs.tokens);
    feed(signature.mask, [rows, past + length], inputs.mask);
    feed(signature.positions, [rows, length], inputs.positions);
    feed(signature.segments, [rows, length], new Int32Array(rows * length));
    const atEnds =
      wanted !== 'all' && (wanted === 'none' || wanted.every((position) => position === length - 1));
    feed(signature.keptLogits, [], Int32Array.of(atEnds ? 1 : 0));
    const chosen = wantedOf(wanted, rows, length);
    if (this.#chooses) {
      feed({ name: wantedPositions, dtype: 'int64' }, [rows, chosen.length / rows], chosen);
    }
    if (signature.cacheBranch !== undefined) {
      feeds[signature.cacheBranch] = toOrt({ shape: [1], data: Uint8Array.of(past > 0 ? 1 : 0) });
    }
    const fetches: Record<string, ort.Tensor | null> = {};
    if (cache !== undefined) cache.bind(feeds, fetches, length);
    else new KeyValueCache(signature.cache, rows, this.#buffers, 'returned').bindEmpty(feeds);
    const positions = this.#chooses
      ? chosen.length / rows
      : atEnds && signature.keptLogits !== undefined
        ? 1
        : length;
    if (wanted !== 'none') fetches[signature.logits] = this.#logitsTensor(rows, positions);
    const outputs = await this.#run(feeds, fetches, rows, past + length);
    cache?.accept(outputs, length, starts);
    const logits = outputs[signature.logits];
    return {
      data: wanted === 'none' || logits === undefined ? new Float32Array(0) : floats(logits),
      at: (row, position) => (row * positions + (positions === length ? position : 0)) * signature.vocabulary,
    };
  }

  async release(): Promise<void> {
    await this.#session.release();
  }

  /** Somewhere to put the logits, where they are as JavaScript has them. */
  #logitsTensor(rows: number, positions: number): ort.Tensor | null {
    const { logits, vocabulary } = this.signature;
    const metadata = this.#session.outputMetadata.find(({ name }) => name === logits);
    if (metadata?.isTensor !== true || metadata.type !== 'float32') return null;
    const size = rows * positions * vocabulary;
    if (this.#logits.length < size) this.#logits = new Float32Array(size);
    return toOrt({ shape: [rows, positions, vocabulary], data: this.#logits.subarray(0, size) });
  }

  async #run(
    feeds: Record<string, ort.Tensor>,
    fetches: Record<string, ort.Tensor | null>,
    rows: number,
    length: number,
  ): Promise<Readonly<Record<string, ort.Tensor>>> {
    try {
      return await this.#session.run(feeds, fetches);
    } catch (error) {
      const size = `${rows} rows of ${length} tokens`;
      if (/alloc|memory/i.test(messageOf(error))) {
        throw new EnvironmentError(
          `out of memory while running ${this.#path} on ${size}: take a smaller batch (${messageOf(error)})`,
        );
      }
      throw new UserError(`${this.#path} could not run on ${size}: ${messageOf(error)}`);
    }
  }
}

/** Positions in each row whose logits a graph that can choose is asked for: [B, n]. */
function wantedOf(wanted: WantedLogits, rows: number, length: number): Int32Array {
  if (wanted === 'none') return new Int32Array(rows);
  if (wanted === 'all') return Int32Array.from({ length: rows * length }, (_, i) => i % length);
  return Int32Array.from(wanted);
}

function integers({ dtype }: IntegerInput, shape: number[], values: Int32Array): ort.Tensor {
  if (dtype === 'int32') return toOrt({ shape, data: values });
  // Little-endian: the low word, and a sign that is never set.
  const words = new Int32Array(2 * values.length);
  for (let i = 0; i < values.length; i++) words[2 * i] = values[i]!;
  return toOrt({ shape, data: new BigInt64Array(words.buffer) });
}

function floats(tensor: ort.Tensor): Float32Array {
  const { data } = fromOrt(tensor);
  if (data instanceof Float32Array) return data;
  if (data instanceof Uint16Array) return fromFloat16(data);
  throw new UserError(`the logits are ${tensor.type}; expected float32 or float16`);
}

function contextOf(config: JsonObject): number {
  for (const field of ['max_position_embeddings', 'n_positions', 'max_sequence_length', 'seq_length']) {
    const value = config[field];
    if (typeof value === 'number' && value > 0) return value;
  }
  return Infinity;
}

/** Layers that see only a window may keep only a window of their cache. */
function slides({ sliding_window, use_sliding_window, layer_types }: JsonObject): boolean {
  if (Array.isArray(layer_types)) return layer_types.includes('sliding_attention');
  return typeof sliding_window === 'number' && use_sliding_window !== false;
}
