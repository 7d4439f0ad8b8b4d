/** @file Continuing rows with a cache: each step runs the newest token of each row alone. */
import type { KeyValueCache } from './cache.js';
import type { Decoder, Logits, WantedLogits } from './decoder.js';
import type { Decoding } from './decoding.js';
import type { Padding } from './padding.js';

/** Logits of a prompt that a run may make: larger prompts go in by parts, since only the last position's are read. */
const promptLogitBytes = 256 * 2 ** 20;

export class CachedDecoding implements Decoding {
  readonly #decoder: Decoder;
  readonly #cache: KeyValueCache;
  readonly #side: Padding;
  /** Real tokens of each row. */
  #lengths: number[];
  /** Columns before each row's first token. */
  #padding: number[];
  /** Columns of the cache: real tokens and padding. */
  #width = 0;
  #logits: Logits = { data: new Float32Array(0), positions: 0 };
  /** Which of a row's positions in the logits is its last. */
  #last: number[];

  private constructor(decoder: Decoder, prompts: readonly (readonly number[])[], side: Padding) {
    this.#decoder = decoder;
    this.#side = side;
    this.#cache = decoder.cache(prompts.length, side)!;
    this.#lengths = prompts.map(({ length }) => length);
    const longest = side === 'left' ? Math.max(...this.#lengths) : 0;
    this.#padding = this.#lengths.map((length) => Math.max(0, longest - length));
    this.#last = prompts.map(() => 0);
  }

  /** @param side how prompts of different lengths are padded; `none`: they are not, so they are of one length */
  static async begin(
    decoder: Decoder,
    prompts: readonly (readonly number[])[],
    side: Padding,
  ): Promise<CachedDecoding> {
    const decoding = new CachedDecoding(decoder, prompts, side);
    await decoding.#prefill(prompts);
    return decoding;
  }

  get rows(): number {
    return this.#lengths.length;
  }

  logits(row: number): Float32Array {
    const { vocabulary } = this.#decoder.signature;
    const { data, positions } = this.#logits;
    const at = (row * positions + this.#last[row]!) * vocabulary;
    return data.subarray(at, at + vocabulary);
  }

  async append(tokens: Int32Array): Promise<void> {
    this.#width++;
    // Rows that have ended and not left yet may stand at the last position that there is.
    const positions = Int32Array.from(this.#lengths, (length) => Math.min(length, this.#decoder.context - 1));
    this.#lengths = this.#lengths.map((length) => length + 1);
    await this.#run(tokens, positions, 1, 'last');
    this.#last.fill(0);
  }

  keep(rows: readonly number[]): boolean {
    if (this.#decoder.signature.fixedBatch !== undefined) return false;
    const padding = rows.map((row) => this.#padding[row]!);
    // What is left of every row that stays is padding of rows that have gone.
    const dropped = this.#decoder.dynamicCache ? 0 : Math.min(...padding);
    this.#cache.keep(rows, dropped);
    this.#lengths = rows.map((row) => this.#lengths[row]!);
    this.#padding = padding.map((columns) => columns - dropped);
    this.#last = rows.map(() => 0);
    this.#width -= dropped;
    return true;
  }

  release(): void {
    this.#cache.release();
  }

  async #prefill(prompts: readonly (readonly number[])[]): Promise<void> {
    const longest = Math.max(...this.#lengths);
    const left = this.#side === 'left';
    const even = this.#lengths.every((length) => length === longest);
    const part = this.#promptPart(longest);
    for (let start = 0; start < longest; start += part) {
      const length = Math.min(part, longest - start);
      const tokens = new Int32Array(this.rows * length);
      const positions = new Int32Array(this.rows * length);
      prompts.forEach((prompt, row) => {
        for (let i = 0; i < length; i++) {
          const position = start + i - this.#padding[row]!;
          // Any id will do where the mask is 0; transformers gives those positions 1.
          tokens[row * length + i] = prompt[position] ?? 0;
          positions[row * length + i] = position < 0 ? 1 : position;
        }
      });
      this.#width += length;
      const isLast = start + length === longest;
      await this.#run(tokens, positions, length, !isLast ? 'none' : even || left ? 'last' : 'all');
    }
    const { positions } = this.#logits;
    this.#last = this.#lengths.map((length) => (left || even ? positions : length) - 1);
  }

  /** How many tokens of the prompts go in at once. */
  #promptPart(longest: number): number {
    const { fixedLength, keptLogits, cacheBranch, vocabulary } = this.#decoder.signature;
    if (fixedLength !== undefined) return fixedLength;
    // These begin with an empty cache; and where the file keeps rows on the left, it wants them whole.
    if (cacheBranch !== undefined || this.#side === 'right') return longest;
    if (keptLogits !== undefined) return longest;
    return Math.max(1, Math.min(longest, Math.floor(promptLogitBytes / (4 * this.rows * vocabulary))));
  }

  async #run(tokens: Int32Array, positions: Int32Array, length: number, wanted: WantedLogits): Promise<void> {
    const mask = new Int32Array(this.rows * this.#width);
    this.#lengths.forEach((real, row) => {
      const [from, to] = [this.#padding[row]!, this.#padding[row]! + real];
      const begin = row * this.#width;
      mask.fill(1, begin + Math.min(from, this.#width), begin + Math.min(to, this.#width));
    });
    this.#logits = await this.#decoder.forward(
      { rows: this.rows, length, tokens, mask, positions },
      wanted,
      this.#cache,
    );
  }
}
