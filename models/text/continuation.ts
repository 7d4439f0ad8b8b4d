/** @file One text being written: its tokens, its own random numbers, and whether it has ended. */
import type { Random } from '../../base/random.js';
import type { Tokenizer } from '../tokenizer.js';

/** Why a text ended: the end-of-text token, a text that stops it, as many tokens as asked for, or the context. */
export type Ending = 'end-of-text' | 'stop' | 'length' | 'context';

export interface Written {
  readonly text: string;
  readonly ending: Ending;
}

export class Continuation {
  /** The prompt and what was written. */
  readonly tokens: number[];
  readonly random: Random;
  readonly #promptLength: number;
  readonly #most: number;
  #ending: Ending | undefined;

  /**
   * @param random the text's own stream: whoever is written beside it, and in which order, does not show
   * @param most tokens that may be written
   */
  constructor(prompt: readonly number[], random: Random, most: number) {
    this.tokens = [...prompt];
    this.random = random;
    this.#promptLength = prompt.length;
    this.#most = most;
  }

  get ended(): boolean {
    return this.#ending !== undefined;
  }

  /** Takes the next token, and ends the text where that was its last. */
  push(token: number, { stops, context, end }: Limits): void {
    if (token === end) {
      this.#ending = 'end-of-text';
      return;
    }
    this.tokens.push(token);
    const written = this.tokens.length - this.#promptLength;
    const stop = stops.find((ids) => ids.length <= written && endsWith(this.tokens, ids));
    if (stop !== undefined) {
      this.tokens.length -= stop.length;
      this.#ending = 'stop';
    } else if (written >= this.#most) this.#ending = 'length';
    else if (this.tokens.length >= context) this.#ending = 'context';
  }

  result(tokenizer: Tokenizer): Written {
    if (this.#ending === undefined) throw new Error('the text has not ended');
    return { text: tokenizer.decode(this.tokens.slice(this.#promptLength)).trim(), ending: this.#ending };
  }
}

/** What ends a text. */
export interface Limits {
  /** Tokens of the texts that stop it. */
  readonly stops: readonly (readonly number[])[];
  /** The longest sequence that the model reads. */
  readonly context: number;
  /** The token that ends texts. */
  readonly end: number;
}

function endsWith(tokens: readonly number[], ids: readonly number[]): boolean {
  const start = tokens.length - ids.length;
  return ids.every((id, index) => tokens[start + index] === id);
}
