/** @file One row being generated: its tokens, its own random numbers, and whether it has ended. */
import { Random } from '../../base/random.js';
import type { HfTokenizer } from '../huggingface/tokenizer.js';
import type { RowTokens } from './logits.js';
import type { Settings } from './settings.js';
import { type FinishReason, StopWatch } from './stop.js';

/** A finished continuation. */
export interface Generated {
  /** Index of the prompt. */
  readonly row: number;
  /** Which of its continuations, from 0. */
  readonly sample: number;
  /** The new tokens; an end token is among them. */
  readonly ids: number[];
  readonly finish: FinishReason;
  /** Where there is a tokenizer: the new tokens without special ones, up to a text that stopped the row. */
  readonly text?: string;
  /** Of each new token under the model itself, before temperature and all that. */
  readonly logProbabilities?: number[];
}

export class Row implements RowTokens {
  readonly promptLength: number;
  readonly tokens: number[];
  readonly random: Random;
  readonly logProbabilities: number[] = [];
  readonly row: number;
  readonly sample: number;
  #finish: FinishReason | undefined;
  readonly #room: number;
  readonly #atContext: boolean;
  readonly #eosIds: ReadonlySet<number>;
  readonly #watch: StopWatch | undefined;

  /**
   * @param room how many tokens may follow
   * @param atContext the context, not what was asked for, is what limits them
   */
  constructor(
    prompt: readonly number[],
    place: { row: number; sample: number },
    settings: Settings,
    limit: { room: number; atContext: boolean },
    tokenizer: HfTokenizer | undefined,
  ) {
    this.promptLength = prompt.length;
    this.tokens = [...prompt];
    this.row = place.row;
    this.sample = place.sample;
    // Who shares the batch, and in which order, must not show.
    this.random = Random.of(settings.seed, 'generate', place.row, place.sample);
    this.#room = limit.room;
    this.#atContext = limit.atContext;
    this.#eosIds = new Set(settings.eosIds);
    this.#watch =
      tokenizer && new StopWatch(settings.stop, tokenizer.decodeStream({ skipSpecialTokens: true }));
    if (limit.room === 0) this.#end('length');
  }

  get finished(): boolean {
    return this.#finish !== undefined;
  }

  /** Takes the next token, and ends the row where that was its last. */
  push(token: number): void {
    this.tokens.push(token);
    const stopped = this.#watch?.push(token) === true;
    if (this.#eosIds.has(token)) this.#end('eos');
    else if (stopped) this.#end('stop');
    else if (this.tokens.length - this.promptLength >= this.#room) {
      this.#end(this.#atContext ? 'context' : 'length');
    }
  }

  /** Text that has become certain since it was last asked for. */
  news(): string {
    return this.#watch?.news() ?? '';
  }

  /** What the row came to. Call when it has finished. */
  result(withLogProbabilities: boolean): Generated {
    return {
      row: this.row,
      sample: this.sample,
      ids: this.tokens.slice(this.promptLength),
      finish: this.#finish!,
      ...(this.#watch === undefined ? {} : { text: this.#watch.text }),
      ...(withLogProbabilities ? { logProbabilities: this.logProbabilities } : {}),
    };
  }

  #end(reason: FinishReason): void {
    // What was held back may still have the text that stops the row.
    const stopped = reason !== 'stop' && this.#watch?.end() === true;
    this.#finish = stopped && reason !== 'eos' ? 'stop' : reason;
  }
}
