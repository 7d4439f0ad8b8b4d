/** @file Seeded random numbers: one stream per purpose, the same on every machine. */
import { createHash } from 'node:crypto';

/**
 * xoshiro128** (Blackman & Vigna, 2018), seeded by the sha256 of a seed and the names of its purpose, so that
 * two purposes never share a stream and adding a draw to one does not shift another.
 */
export class Random {
  readonly #state: Uint32Array;

  private constructor(state: Uint32Array) {
    this.#state = state;
  }

  /** The stream for `purpose` under `seed`: `Random.of(7, 'split', 'A')`. */
  static of(seed: number | string, ...purpose: (string | number)[]): Random {
    const digest = createHash('sha256')
      .update(JSON.stringify([seed, ...purpose]))
      .digest();
    const state = new Uint32Array(4);
    for (let i = 0; i < 4; i++) state[i] = digest.readUInt32LE(4 * i);
    if (state.every((word) => word === 0)) state[0] = 1;
    return new Random(state);
  }

  /** The generator at a state saved by {@link state}. */
  static from(state: readonly number[]): Random {
    if (state.length !== 4) throw new RangeError(`a random state has 4 words, not ${state.length}`);
    return new Random(Uint32Array.from(state));
  }

  /** Everything that the next draw depends on. */
  get state(): number[] {
    return [...this.#state];
  }

  /** Uniform over the 2^32 unsigned integers. */
  uint32(): number {
    const s = this.#state as unknown as [number, number, number, number];
    const product = Math.imul(s[1], 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0;
    const shifted = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = (s[3] << 11) | (s[3] >>> 21);
    return result;
  }

  /** Uniform in [0, 1), 53 bits. */
  uniform(): number {
    const high = this.uint32() >>> 5;
    const low = this.uint32() >>> 6;
    return (high * 67108864 + low) / 9007199254740992;
  }

  /** Uniform integer in [0, n); no modulo bias. */
  integer(n: number): number {
    if (!Number.isInteger(n) || n <= 0 || n > 4294967296)
      throw new RangeError(`cannot draw an integer below ${n}`);
    const limit = 4294967296 - (4294967296 % n);
    let draw: number;
    do draw = this.uint32();
    while (draw >= limit);
    return draw % n;
  }

  /** Standard normal (Box–Muller, the cosine half only, so that the state is the four words). */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    return radius * Math.cos(2 * Math.PI * this.uniform());
  }

  /** A copy in random order (Fisher–Yates). */
  shuffled<T>(values: readonly T[]): T[] {
    const result = [...values];
    for (let i = result.length - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      [result[i], result[j]] = [result[j] as T, result[i] as T];
    }
    return result;
  }

  /** `count` different values in random order. */
  sample<T>(values: readonly T[], count: number): T[] {
    if (count > values.length)
      throw new RangeError(`cannot draw ${count} different values from ${values.length}`);
    const pool = [...values];
    for (let i = 0; i < count; i++) {
      const j = i + this.integer(pool.length - i);
      [pool[i], pool[j]] = [pool[j] as T, pool[i] as T];
    }
    return pool.slice(0, count);
  }
}
