/** @file When a row ends: an end token, a text that stops it, or as many tokens as it may have. */
import type { DecodeStream } from '../huggingface/decode-stream.js';

/**
 * Why a row ended. `eos`: a token that ends texts; `stop`: one of the texts asked for; `length`: all tokens that were
 * asked for; `context`: all tokens that the model's positions allow.
 */
export type FinishReason = 'eos' | 'stop' | 'length' | 'context';

/** Watches the text of a row for texts that stop it. */
export class StopWatch {
  readonly #stops: readonly string[];
  readonly #stream: DecodeStream;
  readonly #longest: number;
  #text = '';
  #told = 0;
  #ended = false;

  constructor(stops: readonly string[], stream: DecodeStream) {
    this.#stops = stops;
    this.#stream = stream;
    this.#longest = Math.max(0, ...stops.map(({ length }) => length));
  }

  /** The row's text, before the text that stopped it. */
  get text(): string {
    return this.#text;
  }

  /** Takes a token; true where the row's text now has a text that stops it. */
  push(token: number): boolean {
    return this.#add(this.#stream.push(token));
  }

  /** The row ended otherwise: takes what was held back. True where that has a text that stops it. */
  end(): boolean {
    this.#ended = true;
    return this.#add(this.#stream.end());
  }

  /** Text that is certain and was not told before: the beginning of a text that stops the row is held back. */
  news(): string {
    const certain = this.#ended ? this.#text.length : this.#text.length - Math.max(0, this.#longest - 1);
    const piece = this.#text.slice(this.#told, Math.max(this.#told, certain));
    this.#told += piece.length;
    return piece;
  }

  #add(piece: string): boolean {
    if (piece === '') return false;
    // A text may have begun in what came before.
    const from = Math.max(0, this.#text.length - this.#longest + 1);
    this.#text += piece;
    const found = this.#stops.map((stop) => this.#text.indexOf(stop, from)).filter((index) => index >= 0);
    if (found.length === 0) return false;
    this.#text = this.#text.slice(0, Math.min(...found));
    this.#ended = true;
    return true;
  }
}
