import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from './random.js';

/** xoshiro128** as its authors define it, on integers without bounds cut to 32 bits: nothing shared with the code. */
function* reference(seed: readonly number[]): Generator<number> {
  const word = (x: bigint): bigint => x & 0xffffffffn;
  const rotated = (x: bigint, by: bigint): bigint => word(x << by) | (x >> (32n - by));
  let [a, b, c, d] = seed.map(BigInt) as [bigint, bigint, bigint, bigint];
  for (;;) {
    yield Number(word(rotated(word(b * 5n), 7n) * 9n));
    const shifted = word(b << 9n);
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotated(d, 11n);
  }
}

const words = fc.tuple(...[0, 1, 2, 3].map(() => fc.nat({ max: 0xffffffff }))) as fc.Arbitrary<
  [number, number, number, number]
>;

describe('the stream', () => {
  it('is that of xoshiro128**, from the state 1, 2, 3, 4', () => {
    // What the authors' C program prints (prng.di.unimi.it/xoshiro128starstar.c).
    const random = Random.from([1, 2, 3, 4]);
    expect(Array.from({ length: 10 }, () => random.uint32())).toEqual([
      11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804,
    ]);
  });

  it('is that of xoshiro128**, from any state', () => {
    fc.assert(
      fc.property(words, (state) => {
        const random = Random.from(state);
        const expected = reference(state);
        for (let draw = 0; draw < 50; draw++) expect(random.uint32()).toBe(expected.next().value);
      }),
    );
  });

  it('starts from the sha256 of the seed and the purpose', () => {
    const digest = createHash('sha256').update('[7,"split","A"]').digest();
    expect(Random.of(7, 'split', 'A').state).toEqual([0, 4, 8, 12].map((at) => digest.readUInt32LE(at)));
  });

  it('differs by seed and by purpose, and takes "1" and 1, "ab" and "a", "b" for different ones', () => {
    const starts = [
      Random.of(1),
      Random.of(2),
      Random.of('1'),
      Random.of(1, 'a'),
      Random.of(1, 'b'),
      Random.of(1, 'ab'),
      Random.of(1, 'a', 'b'),
      Random.of(1, 'a', 0),
      Random.of(1, 'a', '0'),
    ].map((random) => random.uint32());
    expect(new Set(starts).size).toBe(starts.length);
  });

  it('goes on from a saved state', () => {
    const random = Random.of(3, 'training');
    random.normal();
    const copy = Random.from(random.state);
    expect(copy.shuffled([...'abcdefgh'])).toEqual(random.shuffled([...'abcdefgh']));
    expect(copy.state).toEqual(random.state);
    expect(() => Random.from([1, 2])).toThrow('4 words, not 2');
  });
});

describe('integers', () => {
  it('come without modulo bias: draws above the last whole multiple are drawn again', () => {
    // Below 3 · 2^30, a remainder alone would give every number of the lower third twice as often.
    const n = 3 * 2 ** 30;
    const random = Random.of(5, 'bias');
    const low = Array.from({ length: 3000 }, () => random.integer(n)).filter((x) => x < n / 3).length;
    // 1,000 ± 26 (one standard deviation); with the bias it would be 1,500.
    expect(low).toBeGreaterThan(870);
    expect(low).toBeLessThan(1130);
  });

  it('are accepted draws, reduced', () => {
    fc.assert(
      fc.property(words, fc.integer({ min: 1, max: 2 ** 32 }), (state, n) => {
        const accepted = 2 ** 32 - (2 ** 32 % n);
        const draws = reference(state);
        let draw: number;
        do draw = draws.next().value as number;
        while (draw >= accepted);
        expect(Random.from(state).integer(n)).toBe(draw % n);
      }),
    );
  });

  it.each([0, -1, 1.5, NaN, 2 ** 32 + 1])('below %s are refused', (n) => {
    expect(() => Random.of(0).integer(n)).toThrow(RangeError);
  });
});

describe('numbers', () => {
  it('are uniform in [0, 1) with 53 bits', () => {
    const lowest = Random.from([0, 0, 0, 0]);
    expect(lowest.uniform()).toBe(0);
    const [high, low] = [...take(reference([1, 2, 3, 4]), 2)] as [number, number];
    expect(Random.from([1, 2, 3, 4]).uniform()).toBe(
      (Math.floor(high / 32) * 2 ** 26 + Math.floor(low / 64)) / 2 ** 53,
    );
  });

  it('are normal with mean 0 and variance 1, and always finite', () => {
    const random = Random.of(11, 'normal');
    const draws = Array.from({ length: 20_000 }, () => random.normal());
    const mean = draws.reduce((sum, x) => sum + x) / draws.length;
    const variance = draws.reduce((sum, x) => sum + (x - mean) ** 2, 0) / draws.length;
    const within = draws.filter((x) => Math.abs(x) < 1.96).length / draws.length;
    // Five standard errors each.
    expect(Math.abs(mean)).toBeLessThan(0.036);
    expect(Math.abs(variance - 1)).toBeLessThan(0.05);
    expect(Math.abs(within - 0.95)).toBeLessThan(0.008);
    expect(Math.abs(Random.from([0, 0, 0, 0]).normal())).toBe(0);
  });
});

describe('orders', () => {
  it('keep what was there, and leave the original alone', () => {
    fc.assert(
      fc.property(fc.array(fc.nat()), fc.nat(), (values, seed) => {
        const before = [...values];
        expect(Random.of(seed).shuffled(values).sort()).toEqual([...before].sort());
        expect(values).toEqual(before);
      }),
    );
  });

  it('are equally likely', () => {
    const random = Random.of(2, 'orders');
    const counts = new Map<string, number>();
    for (let draw = 0; draw < 6000; draw++) {
      const order = random.shuffled(['a', 'b', 'c']).join('');
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(6);
    // 1,000 ± 29 (one standard deviation) each.
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(145);
  });

  it('sample different values, each position as likely to hold any', () => {
    const random = Random.of(4, 'samples');
    const first = new Map<number, number>();
    for (let draw = 0; draw < 5000; draw++) {
      const sample = random.sample([0, 1, 2, 3, 4], 3);
      expect(new Set(sample).size).toBe(3);
      first.set(sample[0]!, (first.get(sample[0]!) ?? 0) + 1);
    }
    for (const value of [0, 1, 2, 3, 4]) expect(Math.abs(first.get(value)! - 1000)).toBeLessThan(145);
    expect(() => random.sample([1, 2], 3)).toThrow('3 different values from 2');
  });
});

function* take<T>(values: Iterable<T>, count: number): Generator<T> {
  let left = count;
  for (const value of values) {
    if (left-- === 0) return;
    yield value;
  }
}
