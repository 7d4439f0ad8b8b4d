/** @file The random numbers of numpy's `np.random.seed(…)`, bit for bit, for data that others published by a seed. */

const [size, middle] = [624, 397];

/**
 * The Mersenne Twister MT19937 (Matsumoto & Nishimura, 1998) behind numpy's legacy `RandomState`, whose streams numpy
 * has frozen (NEP 19). What Temper itself draws comes from `base/random.ts`.
 */
export class NumpyRandom {
  readonly #state = new Uint32Array(size);
  #next = size;

  /** `np.random.seed(seed)` of a number (init_genrand) or of an array (init_by_array). */
  constructor(seed: number | readonly number[]) {
    if (typeof seed === 'number') this.#seedByNumber(checkedWord(seed));
    else this.#seedByArray(seed.map(checkedWord));
  }

  /** The next 32 bits. */
  uint32(): number {
    if (this.#next === size) this.#refill();
    let y = this.#state[this.#next++] as number;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  /** Passes over as many 32-bit words. */
  skip(words: number): void {
    for (let i = 0; i < words; i++) {
      if (this.#next === size) this.#refill();
      this.#next++;
    }
  }

  /** `random_sample()`: uniform in [0, 1), 53 bits of two words. */
  random(): number {
    const high = this.uint32() >>> 5;
    return (high * 67108864 + (this.uint32() >>> 6)) / 9007199254740992;
  }

  /**
   * `randint(low, high)`: uniform among low, …, high − 1, by masked rejection. It draws nothing where there is only one.
   * numpy reads two words where the range needs more than 32 bits; such ranges are refused here.
   */
  integer(low: number, high: number): number {
    const most = high - low - 1;
    if (!Number.isInteger(low) || !Number.isInteger(high) || most < 0 || most > 0xffffffff)
      throw new RangeError(`cannot draw an integer from ${low} up to, not including, ${high}`);
    if (most === 0) return low;
    if (most === 0xffffffff) return low + this.uint32();
    const mask = 0xffffffff >>> Math.clz32(most);
    let draw: number;
    do draw = (this.uint32() & mask) >>> 0;
    while (draw > most);
    return low + draw;
  }

  /** `randint(low, high, size=count)` */
  integers(low: number, high: number, count: number): number[] {
    return Array.from({ length: count }, () => this.integer(low, high));
  }

  /** `shuffle(values)`, in place. */
  shuffle(values: unknown[]): void {
    for (let i = values.length - 1; i > 0; i--) {
      const j = this.integer(0, i + 1);
      [values[i], values[j]] = [values[j], values[i]];
    }
  }

  /** `permutation(count)` */
  permutation(count: number): number[] {
    const values = Array.from({ length: count }, (_, index) => index);
    this.shuffle(values);
    return values;
  }

  /** `choice(n, p=…)`, given {@link choiceTable} of the probabilities: an index. */
  choice(table: Float64Array): number {
    return firstAbove(table, this.random());
  }

  #seedByNumber(seed: number): void {
    const state = this.#state;
    state[0] = seed;
    for (let i = 1; i < size; i++) {
      const before = state[i - 1] as number;
      state[i] = Math.imul(1812433253, before ^ (before >>> 30)) + i;
    }
    this.#next = size;
  }

  #seedByArray(key: readonly number[]): void {
    if (key.length === 0) throw new RangeError('a seed has at least one number');
    this.#seedByNumber(19650218);
    const state = this.#state;
    let i = 1;
    const mixed = (factor: number): number => {
      const before = state[i - 1] as number;
      return (state[i] as number) ^ Math.imul(before ^ (before >>> 30), factor);
    };
    const advance = (): void => {
      if (++i < size) return;
      state[0] = state[size - 1] as number;
      i = 1;
    };
    for (let step = 0, j = 0; step < Math.max(size, key.length); step++) {
      state[i] = mixed(1664525) + (key[j] as number) + j;
      j = (j + 1) % key.length;
      advance();
    }
    for (let step = 1; step < size; step++) {
      state[i] = mixed(1566083941) - i;
      advance();
    }
    state[0] = 0x80000000;
  }

  #refill(): void {
    const state = this.#state;
    for (let i = 0; i < size; i++) {
      const y = ((state[i] as number) & 0x80000000) | ((state[(i + 1) % size] as number) & 0x7fffffff);
      state[i] = (state[(i + middle) % size] as number) ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.#next = 0;
  }
}

/** Cumulative sums of probabilities, as `choice` divides them by the last one. */
export function choiceTable(probabilities: ArrayLike<number>): Float64Array {
  const table = cumulative(probabilities);
  const last = table[table.length - 1] as number;
  return table.map((sum) => sum / last);
}

/** `np.cumsum` */
export function cumulative(values: ArrayLike<number>): Float64Array {
  let sum = 0;
  return Float64Array.from(values, (value) => (sum += value));
}

/** `np.searchsorted(table, value, side='right')`: the first index whose entry is above the value. */
export function firstAbove(table: Float64Array, value: number): number {
  let [from, to] = [0, table.length];
  while (from < to) {
    const half = (from + to) >>> 1;
    if ((table[half] as number) > value) to = half;
    else from = half + 1;
  }
  return from;
}

/** `np.sum` of contiguous numbers: pairwise in blocks of 128 at most, in eight running sums within a block. */
export function pairwiseSum(values: Float64Array): number {
  const { length } = values;
  if (length > 128) {
    const half = 8 * Math.floor(length / 16);
    return pairwiseSum(values.subarray(0, half)) + pairwiseSum(values.subarray(half));
  }
  const whole = length - (length % 8);
  let sum = 0;
  if (whole > 0) {
    const r = new Float64Array(8);
    for (let i = 0; i < whole; i++) r[i % 8] = (r[i % 8] as number) + (values[i] as number);
    const [a, b, c, d, e, f, g, h] = r as unknown as [
      number,
      number,
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    sum = a + b + (c + d) + (e + f + (g + h));
  }
  for (let i = whole; i < length; i++) sum += values[i] as number;
  return sum;
}

function checkedWord(seed: number): number {
  if (Number.isInteger(seed) && seed >= 0 && seed <= 0xffffffff) return seed;
  throw new RangeError(`a seed of numpy is an integer from 0 to 2^32 − 1, not ${seed}`);
}
