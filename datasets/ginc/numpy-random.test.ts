import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { choiceTable, NumpyRandom, pairwiseSum } from './numpy-random.js';

interface Stream {
  seed: number | number[] | string;
  uniform: number[];
  uniformSum: number;
  small: number[];
  array: number[][];
  single: number;
  wide: number[];
  full: number[];
  permutation: number[];
  shuffled: number[];
  chosen: number[];
  ofList: number[];
  last: number;
}

/** What numpy itself drew: fixtures/numpy-random.py wrote it. */
const numpy = JSON.parse(readFileSync(new URL('./fixtures/numpy-random.json', import.meta.url), 'utf8')) as {
  streams: Stream[];
  sums: { values: number[]; sums: Record<string, number> };
};

describe('the random numbers of np.random.seed', () => {
  it.each(numpy.streams.map((stream) => [JSON.stringify(stream.seed), stream] as const))(
    'are numpy’s, bit for bit, with seed %s',
    (_, stream) => {
      const seed = typeof stream.seed === 'string' ? Array.from({ length: 700 }, (_, i) => i) : stream.seed;
      const random = new NumpyRandom(seed);
      const uniform = Array.from({ length: 700 }, () => random.random());
      expect([0, 1, 2, 311, 312, 313, 623, 624, 699].map((i) => uniform[i])).toEqual(stream.uniform);
      expect(uniform.reduce((sum, value) => sum + value)).toBe(stream.uniformSum);
      expect(random.integers(1, 50, 40)).toEqual(stream.small);
      expect(Array.from({ length: 5 }, () => random.integers(1, 10, 4))).toEqual(stream.array);
      expect(random.integer(7, 8)).toBe(stream.single);
      expect(random.integers(0, 2 ** 32 - 5, 5)).toEqual(stream.wide);
      expect(random.integers(-(2 ** 31), 2 ** 31, 3)).toEqual(stream.full);
      expect(random.permutation(23)).toEqual(stream.permutation);
      const values = random.integers(0, 1, 9).map((_, index) => index);
      random.shuffle(values);
      expect(values).toEqual(stream.shuffled);
      const table = choiceTable([0.1, 0, 0.2, 0.3, 0, 0.4]);
      expect(Array.from({ length: 30 }, () => random.choice(table))).toEqual(stream.chosen);
      const five = [10, 20, 30, 40, 50];
      expect(five.concat(five).map(() => five[random.integer(0, 5)])).toEqual(stream.ofList);
      expect(random.random()).toBe(stream.last);
    },
  );

  it('skips as many words as it would have drawn', () => {
    const [skipping, drawing] = [new NumpyRandom(5), new NumpyRandom(5)];
    skipping.skip(1401);
    for (let i = 0; i < 1401; i++) drawing.uint32();
    expect(skipping.random()).toBe(drawing.random());
  });

  it('adds as numpy does', () => {
    const values = Float64Array.from(numpy.sums.values);
    for (const [count, sum] of Object.entries(numpy.sums.sums))
      expect(pairwiseSum(values.subarray(0, Number(count))), count).toBe(sum);
  });

  it('refuses seeds and ranges that numpy would read otherwise', () => {
    expect(() => new NumpyRandom(-1)).toThrow('0 to 2^32 − 1');
    expect(() => new NumpyRandom([])).toThrow('at least one');
    const random = new NumpyRandom(1);
    expect(() => random.integer(3, 3)).toThrow('cannot draw');
    expect(() => random.integer(0, 2 ** 40)).toThrow('cannot draw');
  });
});
