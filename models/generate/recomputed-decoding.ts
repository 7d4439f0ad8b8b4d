/** @file Continuing rows without a cache: each step runs them whole, padded on the right, where nobody looks. */
import { UserError } from '../../base/errors.js';
import type { Decoder, Logits } from './decoder.js';
import type { Decoding } from './decoding.js';

export class RecomputedDecoding implements Decoding {
  readonly #decoder: Decoder;
  #rows: number[][];
  #logits: Logits = { data: new Float32Array(0), at: () => 0 };

  private constructor(decoder: Decoder, prompts: readonly (readonly number[])[]) {
    this.#decoder = decoder;
    this.#rows = prompts.map((prompt) => [...prompt]);
  }

  static async begin(decoder: Decoder, prompts: readonly (readonly number[])[]): Promise<RecomputedDecoding> {
    const decoding = new RecomputedDecoding(decoder, prompts);
    await decoding.#run();
    return decoding;
  }

  get rows(): number {
    return this.#rows.length;
  }

  logits(row: number): Float32Array {
    const { vocabulary } = this.#decoder.signature;
    const at = this.#logits.at(row, this.#rows[row]!.length - 1);
    return this.#logits.data.subarray(at, at + vocabulary);
  }

  async append(tokens: Int32Array): Promise<void> {
    this.#rows.forEach((row, i) => row.push(tokens[i]!));
    await this.#run();
  }

  keep(rows: readonly number[]): boolean {
    if (this.#decoder.signature.fixedBatch !== undefined) return false;
    this.#rows = rows.map((row) => this.#rows[row]!);
    return true;
  }

  release(): void {
    this.#rows = [];
  }

  async #run(): Promise<void> {
    const longest = Math.max(...this.#rows.map(({ length }) => length));
    const { fixedLength } = this.#decoder.signature;
    if (fixedLength !== undefined && longest > fixedLength) {
      throw new UserError(
        `a row has ${longest} tokens, and the model was exported for sequences of ${fixedLength} alone`,
      );
    }
    this.#logits = await this.#decoder.forward(rightPadded(this.#rows, fixedLength ?? longest), 'all');
  }
}

/** Rows padded on the right to one length. */
export function rightPadded(
  rows: readonly (readonly number[])[],
  length: number,
): { rows: number; length: number; tokens: Int32Array; mask: Int32Array; positions: Int32Array } {
  const size = rows.length * length;
  const inputs = {
    tokens: new Int32Array(size),
    mask: new Int32Array(size),
    positions: new Int32Array(size),
  };
  rows.forEach((row, i) => {
    inputs.tokens.set(row, i * length);
    inputs.mask.fill(1, i * length, i * length + row.length);
    for (let t = 0; t < length; t++) inputs.positions[i * length + t] = t;
  });
  return { rows: rows.length, length, ...inputs };
}
