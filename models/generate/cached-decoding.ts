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
  #logits: Logits = { data: new Float32Array(0), at: () => 0 };
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
    const { data } = this.#logits;
    const at = this.#logits.at(row, this.#last[row]!);
    return data.subarray(at, at + vocabulary);
  }

  async append(tokens: Int32Array): Promise<void> {
    // Rows that have ended and not left yet may stand at the last position that there is.
    const positions = Int32Array.from(this.#lengths, (length) => Math.min(length, this.#decoder.context - 1));
    this.#lengths = this.#lengths.map((length) => length + 1);
    this.#last = this.#lengths.map(() => 0);
    await this.#run(tokens, positions, 1, this.#last);
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
    return true;
  }

  release(): void {
    this.#cache.release();
  }

  async #prefill(prompts: readonly (readonly number[])[]): Promise<void> {
    const longest = Math.max(...this.#lengths);
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
      // Padded on the left or not at all, rows end together; on the right, they go in whole.
      this.#last = this.#lengths.map((real) => (this.#side === 'right' ? real : length) - 1);
      await this.#run(tokens, positions, length, start + length === longest ? this.#last : 'none');
    }
  }

  /** How many tokens of the prompts go in at once. */
  #promptPart(longest: number): number {
    const { fixedLength, cacheBranch, vocabulary } = this.#decoder.signature;
    if (fixedLength !== undefined) return fixedLength;
    // These begin with an empty cache; and where the file keeps rows on the left, it wants them whole.
    if (cacheBranch !== undefined || this.#side === 'right') return longest;
    if (this.#decoder.choosesLogits) return longest;
    return Math.max(1, Math.min(longest, Math.floor(promptLogitBytes / (4 * this.rows * vocabulary))));
  }

  async #run(tokens: Int32Array, positions: Int32Array, length: number, wanted: WantedLogits): Promise<void> {
    const cached = this.#cache.width;
    const width = cached + length;
    const mask = new Int32Array(this.rows * width);
    this.#lengths.forEach((real, row) => {
      const [from, to] = [this.#padding[row]!, this.#padding[row]! + real];
      const begin = row * width;
      if (this.#side === 'right') {
        // Where a row ends in the cache, and how many of the run's tokens are its own.
        const before = positions[row * length]!;
        mask.fill(1, begin, begin + before);
        mask.fill(1, begin + cached, begin + cached + Math.min(length, real - before));
      } else {
        mask.fill(1, begin + Math.min(from, width), begin + Math.min(to, width));
      }
    });
    this.#logits = await this.#decoder.forward(
      { rows: this.rows, length, tokens, mask, positions },
      wanted,
      this.#cache,
    );
  }
}
