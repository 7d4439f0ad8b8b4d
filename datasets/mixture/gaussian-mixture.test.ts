import { describe, expect, it } from 'vitest';
import { UserError } from '../../base/errors.js';
import { splits } from '../task.js';
import gaussianMixture from '../tasks/gaussian-mixture.js';
import { numberOf, textOf, vectorOf } from './numbers.js';
import { drawSource, orthogonalTo, readSource } from './source.js';
import { Random } from '../../base/random.js';

const small = { dimension: 6, components: 4, splits: { A: 400, B: 30, validation: 5, test: 40 } };
const parsed = gaussianMixture.parameters.parse({ ...small, concept: 2 });
const source = drawSource(parsed, 5);
const dot = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, v, i) => sum + v * b[i]!, 0);

describe('the task gaussian-mixture', async () => {
  const { items, truth } = await gaussianMixture.examples(parsed, 5);

  it('has questions in [−1, 1]^d, no two alike, in the splits asked for', () => {
    const texts = splits.flatMap((split) => items[split].map(({ text }) => text));
    expect(new Set(texts).size).toBe(475);
    expect(splits.map((split) => items[split].length)).toEqual([400, 30, 5, 40]);
    for (const x of texts.flatMap((text) => vectorOf(text, 6))) expect(Math.abs(x)).toBeLessThanOrEqual(1);
  });

  it("knows of B, validation and test the target's expectation, and of A observations with the source's noise", () => {
    const errors = (split: 'A' | 'B' | 'validation' | 'test'): number[] =>
      items[split].map(
        ({ text }, i) => numberOf(truth[split][i]!.answer!) - dot(source.components[2]!, vectorOf(text, 6)),
      );
    for (const split of ['B', 'validation', 'test'] as const)
      for (const error of errors(split)) expect(Math.abs(error)).toBeLessThan(1e-12);
    const noise = errors('A');
    const variance = noise.reduce((sum, error) => sum + error ** 2, 0) / noise.length;
    expect(variance).toBeGreaterThan(0.8);
    expect(variance).toBeLessThan(1.2);
  });

  it('targets the convex hull of the components where the prior has a share for others', async () => {
    const shared = gaussianMixture.parameters.parse({ ...small, share: 0.7 });
    const { truth: answers, items: questions } = await gaussianMixture.examples(shared, 5);
    questions.test.forEach(({ text }, i) => {
      const [first, ...others] = source.components.map((beta) => dot(beta, vectorOf(text, 6)));
      const expected = 0.7 * first! + 0.1 * others.reduce((sum, value) => sum + value, 0);
      expect(numberOf(answers.test[i]!.answer!)).toBeCloseTo(expected, 12);
    });
  });

  it('is graded by squared error, which the oracle does not make', async () => {
    const item = items.test[0]!;
    expect(gaussianMixture.grade!('1.5', '-0.5', item, parsed)).toEqual({ score: 4 });
    const best = await gaussianMixture.oracle!(parsed, 5, 'test');
    best.forEach(({ id, answer }, i) => {
      expect(id).toBe(items.test[i]!.id);
      expect(gaussianMixture.grade!(answer!, truth.test[i]!.answer!, item, parsed)).toEqual({ score: 0 });
    });
  });

  it('is the same for the same seed, and shares its corpus among concepts', async () => {
    expect(await gaussianMixture.examples(parsed, 5)).toEqual({
      ...(await gaussianMixture.examples(parsed, 5)),
    });
    const other = gaussianMixture.parameters.parse({ ...small, concept: 3 });
    expect(gaussianMixture.corpusParameters(other)).toEqual(gaussianMixture.corpusParameters(parsed));
    const another = await gaussianMixture.examples(other, 5);
    expect(another.items.test[0]!.text).not.toBe(items.test[0]!.text);
    expect(readSource(await gaussianMixture.corpus(gaussianMixture.corpusParameters(parsed), 5))).toEqual(
      source,
    );
  });

  it('refuses more components than dimensions, and a concept that is not among them', () => {
    const messages = (p: object): string[] =>
      gaussianMixture.parameters.safeParse(p).error!.issues.map(({ message }) => message);
    expect(messages({ dimension: 3, components: 4 })).toEqual([
      'only 3 components can be orthonormal in 3 dimensions',
    ]);
    expect(messages({ components: 4, concept: 4 })).toEqual([
      'concepts are counted from 0, so this is at most 3',
    ]);
  });
});

describe('numbers in words', () => {
  it('come back as the same doubles', () => {
    const vector = [0.1, -1 / 3, 1e-300, 5e-324, 123456789.123456789];
    expect(vectorOf(textOf(vector), 5)).toEqual(vector);
  });

  it.each(['', 'about 3', 'NaN', 'Infinity', '1 2'])('"%s" is not one', (text) => {
    expect(() => numberOf(text)).toThrow(UserError);
  });

  it('of another dimension are refused by what was expected', () => {
    expect(() => vectorOf('1 2 3', 4)).toThrow('has 3 numbers, and the model expects 4');
  });

  it('nothing is at right angles to as many directions as there are', () => {
    const { components } = drawSource({ dimension: 3, components: 3, sigma: 1 }, 0);
    expect(() => orthogonalTo(components, { dimension: 3 }, Random.of(0))).toThrow(RangeError);
  });
});
