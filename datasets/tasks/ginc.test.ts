import { describe, expect, it } from 'vitest';
import ginc from './ginc.js';
import { splits, type Item, type Label, type Truth } from '../task.js';

const small = { documents: 3, words: 60, block: 20 };
const sizes = { A: 10, B: 20, validation: 5, test: 60 };
const parse = (parameters: object) => ginc.parameters.parse(parameters);

const answerOf = (item: Item, { label }: Truth | Label) => item.choices[label];
const accuracy = (truth: Truth[], labels: Label[]) =>
  truth.filter(({ label }, i) => labels[i]?.label === label).length / truth.length;

describe('the corpus of ginc', () => {
  it('is documents cut into texts of so many words', async () => {
    const texts = await ginc.corpus(ginc.corpusParameters(parse(small)), 0);
    expect(texts.map((text) => text.split(' ').length)).toEqual(Array.from({ length: 9 }, () => 20));
    // The published train.txt begins so.
    expect((await ginc.corpus({ documents: 1, words: 20, block: 20 }, 0))[0]).toBe(texts[0]);
  });

  it('depends on nothing that only prompts depend on, so that models are pretrained once for all of them', () => {
    const shared = ginc.corpusParameters(parse(small));
    const asked = { ...small, examples: 4, length: 5, prompts: 'ood', oracle: 'exact', splits: sizes };
    expect(ginc.corpusParameters(parse(asked))).toEqual(shared);
    expect(ginc.corpusParameters(parse({ ...small, concept: 2 }))).toEqual(shared);
    expect(ginc.corpusParameters(parse({ ...small, source: 'segments' }))).not.toEqual(shared);
  });

  it('says how a text is too long for a document', async () => {
    await expect(ginc.corpus({ documents: 1, words: 20, block: 21 }, 0)).rejects.toThrow('block');
  });
});

describe('the prompts of ginc', () => {
  it('are the published ones with seed 0: id_prompts_randomsample_3.json', async () => {
    const { items, truth } = await ginc.examples({ examples: 1, splits: sizes }, 0);
    expect(items.test[0]?.text).toBe('af an m / ak v');
    expect(answerOf(items.test[0] as Item, truth.test[0] as Truth)).toBe('ak');
  });

  it('are others with another seed', async () => {
    const texts = async (seed: number) =>
      (await ginc.examples({ examples: 2, splits: sizes }, seed)).items.test.map(({ text }) => text);
    expect(await texts(1)).toEqual(await texts(1));
    expect(await texts(1)).not.toEqual(await texts(2));
  });

  it.each([
    { examples: 0 },
    { examples: 4, length: 5 },
    { concept: 3 },
    { prompts: 'ood' as const, examples: 1 },
  ])('stand in one split each, and their truth apart from them (%o)', async (asked) => {
    const { items, truth } = await ginc.examples({ ...asked, splits: sizes }, 1);
    const where = new Map<string, string>();
    for (const split of splits) {
      expect(items[split]).toHaveLength(sizes[split]);
      expect(truth[split].map(({ id }) => id)).toEqual(items[split].map(({ id }) => id));
      for (const { text } of items[split]) {
        expect(where.get(text) ?? split).toBe(split);
        where.set(text, split);
      }
      for (const item of items[split]) expect(Object.keys(item).sort()).toEqual(['choices', 'id', 'text']);
    }
    expect(new Set(splits.flatMap((split) => items[split].map(({ choices }) => choices.join()))).size).toBe(
      1,
    );
  });

  it('take examples of a method before them', () => {
    const item = { id: 'x', text: 'a b', choices: [] };
    expect(ginc.prompt(item, [{ text: 'c d', answer: 'e' }])).toBe('c d e / a b');
    expect(ginc.prompt(item, [])).toBe('a b');
  });

  it('end where there are no others', async () => {
    const asked = { length: 2, splits: { A: 100, B: 200, validation: 0, test: 10 } };
    await expect(ginc.examples(asked, 1)).rejects.toThrow(/hardly more than \d+; ask for fewer/);
  });
});

describe('questions about one concept', () => {
  it('have the concept’s likeliest word as their answer, which differs between concepts', async () => {
    const answers = async (concept: number) => {
      const { items, truth } = await ginc.examples({ concept, splits: { ...sizes, test: 150 } }, 1);
      return new Map(items.test.map((item, i) => [item.text, answerOf(item, truth.test[i] as Truth)]));
    };
    const [first, second] = [await answers(0), await answers(1)];
    const both = [...first].filter(([text]) => second.has(text));
    const same = both.filter(([text, answer]) => second.get(text) === answer);
    expect(both.length).toBeGreaterThan(10);
    expect(same.length / both.length).toBeLessThan(0.5);
  });

  it('are answered by the oracle without an error', async () => {
    const asked = { concept: 1, splits: sizes };
    const { truth } = await ginc.examples(asked, 1);
    for (const split of splits)
      expect(accuracy(truth[split], (await ginc.oracle?.(asked, 1, split)) as Label[])).toBe(1);
  });

  it.each([
    [{ concept: 5 }, /at most 4/],
    [{ concept: 1, examples: 2 }, /without examples/],
    [{ concept: 1, prompts: 'ood' }, /ood/],
    [{ values: 100, slots: 11 }, /1,000 at most/],
  ])('are refused where they make no sense: %o', (parameters, why) => {
    expect(() => parse(parameters)).toThrow(why);
  });
});

describe('the oracle of ginc', () => {
  const ask = async (asked: object, seed = 1) => {
    const full = { ...asked, splits: { ...sizes, test: 300 } };
    const { truth, items } = await ginc.examples(full, seed);
    const labels = (await ginc.oracle?.(full, seed, 'test')) as Label[];
    expect(labels.map(({ id }) => id)).toEqual(items.test.map(({ id }) => id));
    for (const { probabilities } of labels) {
      expect(probabilities).toHaveLength(items.test[0]?.choices.length as number);
      expect(probabilities.reduce((sum, p) => sum + p)).toBeCloseTo(1, 9);
    }
    return accuracy(truth.test, labels);
  };

  it('gets better with examples, and is right where it knows how prompts are made', async () => {
    expect(await ask({ examples: 0 })).toBeLessThan(0.65);
    expect(await ask({ examples: 4 })).toBeGreaterThan(0.92);
    expect(await ask({ examples: 4, oracle: 'exact' })).toBeGreaterThan(0.97);
  });

  it('out of distribution knows no more than the five answers that are as likely', async () => {
    const alone = await ask({ prompts: 'ood', examples: 0 });
    expect(alone).toBeGreaterThan(0.2);
    expect(alone).toBeLessThan(0.6);
    expect(Math.abs((await ask({ prompts: 'ood', examples: 4 })) - alone)).toBeLessThan(0.12);
  });
});
