import { describe, expect, test } from 'vitest';
import dialects from './dialects.js';
import { splits, type Item, type Truth } from '../task.js';

const defaults = dialects.parameters.parse({});

/** The form that the truth says. */
function formOf(item: Item, truth: Truth): string {
  return item.choices[truth.label]!;
}

describe('the language', () => {
  test('has two-syllable nouns, and forms that no noun looks like', async () => {
    const { items } = await dialects.examples({}, 0);
    const nouns = splits.flatMap((split) => items[split]).map(({ text }) => text);
    expect(nouns).toHaveLength(128);
    expect(new Set(nouns).size).toBe(128);
    for (const noun of nouns) expect(noun).toMatch(/^([bdfgklmprtvz][aeiou]){2}$/);
    for (const { text, choices } of items.A) expect(choices).toEqual([`${text}n`, `${text}s`]);
  });

  test('gives each noun of each dialect an ending of its own, from the seed', async () => {
    const endings = async (dialect: number, seed: number) => {
      const { truth } = await dialects.examples({ dialect }, seed);
      const labels = new Map(splits.flatMap((split) => truth[split]).map(({ id, label }) => [id, label]));
      return [...labels].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, label]) => label);
    };
    const third = await endings(3, 0);
    const agreeing = (other: number[]) => other.filter((label, i) => label === third[i]).length;
    expect(agreeing(await endings(3, 0))).toBe(128);
    // Half of 128 agree by chance; 4 standard deviations of that are 23.
    for (const other of [await endings(4, 0), await endings(3, 1)]) {
      expect(Math.abs(agreeing(other) - 64)).toBeLessThan(23);
    }
  });
});

describe('a corpus', () => {
  test('has documents of different nouns, each followed by one of its forms', async () => {
    const documents = await dialects.corpus({ documents: 200 }, 7);
    expect(documents).toHaveLength(200);
    for (const document of documents) {
      const words = document.split(' ');
      expect(words).toHaveLength(48);
      const nouns = words.filter((_, i) => i % 2 === 0);
      expect(new Set(nouns).size).toBe(24);
      nouns.forEach((noun, i) => expect([`${noun}n`, `${noun}s`]).toContain(words[2 * i + 1]));
    }
  });

  test('speaks one dialect in a document, with a tenth of the endings wrong', async () => {
    const tables = await Promise.all(
      Array.from({ length: 8 }, async (_, dialect) => {
        const { items, truth } = await dialects.examples({ dialect }, 7);
        const pairs = splits.flatMap((split) =>
          items[split].map((item, i) => [item, truth[split][i]!] as const),
        );
        return new Map(pairs.map(([item, right]) => [item.text, formOf(item, right)]));
      }),
    );
    const spoken = new Map<number, number>();
    let wrong = 0;
    for (const document of await dialects.corpus({ documents: 2000 }, 7)) {
      const words = document.split(' ');
      const errors = tables.map(
        (table) => words.filter((word, i) => i % 2 === 1 && table.get(words[i - 1]!) !== word).length,
      );
      const fewest = Math.min(...errors);
      const dialect = errors.indexOf(fewest);
      spoken.set(dialect, (spoken.get(dialect) ?? 0) + 1);
      wrong += fewest;
    }
    expect(Math.abs(wrong / (2000 * 24) - 0.1)).toBeLessThan(0.01);
    expect([...spoken.keys()].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    // 250 of 2,000 each; 5 standard deviations are 74.
    for (const count of spoken.values()) expect(Math.abs(count - 250)).toBeLessThan(74);
  });

  test('without noise says what the dialect says, and every word of every split occurs in it', async () => {
    const [document] = await dialects.corpus({ documents: 1, dialects: 1, noise: 0 }, 3);
    const { items, truth } = await dialects.examples({ dialects: 1 }, 3);
    const right = new Map(
      splits.flatMap((split) => items[split].map((item, i) => [item.text, formOf(item, truth[split][i]!)])),
    );
    const words = document!.split(' ');
    for (let i = 0; i < words.length; i += 2) expect(words[i + 1]).toBe(right.get(words[i]!));

    const vocabulary = new Set(
      (await dialects.corpus({ documents: 1000 }, 3)).flatMap((text) => text.split(' ')),
    );
    expect(vocabulary.size).toBe(3 * 128);
  });

  test('is the same for tasks that differ in dialect and splits only', async () => {
    const other = dialects.parameters.parse({ dialect: 5, splits: { A: 10, B: 10, test: 10 } });
    expect(dialects.corpusParameters(other)).toEqual(dialects.corpusParameters(defaults));
    expect(await dialects.corpus({ ...other, documents: 10 }, 1)).toEqual(
      await dialects.corpus({ documents: 10 }, 1),
    );
    expect(await dialects.corpus({ documents: 10 }, 2)).not.toEqual(
      await dialects.corpus({ documents: 10 }, 1),
    );
  });
});

test('corpus and items can be had from the parameters that they depend on alone', async () => {
  const small = dialects.parameters.parse({ nouns: 30, splits: { A: 10, B: 10, test: 10 }, documents: 5 });
  expect(await dialects.corpus(dialects.corpusParameters(small), 1)).toEqual(await dialects.corpus(small, 1));
  expect(await dialects.examples(dialects.exampleParameters(small), 1)).toEqual(
    await dialects.examples(small, 1),
  );
});

describe('items', () => {
  test('stand in one split, which each dialect draws for itself', async () => {
    const zeroth = await dialects.examples({ dialect: 0 }, 0);
    expect(splits.map((split) => zeroth.items[split].length)).toEqual([32, 64, 0, 32]);
    for (const split of splits) {
      expect(zeroth.truth[split].map(({ id }) => id)).toEqual(zeroth.items[split].map(({ id }) => id));
    }
    const first = await dialects.examples({ dialect: 1 }, 0);
    expect(first.items.test).not.toEqual(zeroth.items.test);
  });

  test('show nothing of the answer', async () => {
    const { items } = await dialects.examples({}, 0);
    for (const item of items.B) expect(Object.keys(item)).toEqual(['id', 'text', 'choices']);
  });

  test('do not depend on the corpus', async () => {
    expect(dialects.exampleParameters(dialects.parameters.parse({ documents: 5, noise: 0 }))).toEqual(
      dialects.exampleParameters(defaults),
    );
  });

  test('are asked for after the nouns and forms shown in context', () => {
    const item = { id: 'balo', text: 'balo', choices: ['balon', 'balos'] };
    expect(dialects.prompt(item, [])).toBe('balo');
    expect(dialects.prompt(item, [{ text: 'kime', answer: 'kimes' }])).toBe('kime kimes balo');
  });
});

describe('parameters', () => {
  test.each([
    [{ dialect: 8 }, 'dialect', 'at most 7'],
    [{ nouns: 100 }, 'splits', 'the splits need 128 nouns, and there are 100'],
    [{ document: 200 }, 'document', 'there are 128'],
    [{ splits: { A: -1 } }, 'splits.A', '>=1'],
    [{ noise: 0.7 }, 'noise', '<=0.5'],
    [{ noun: 3 }, '', 'noun'],
  ])('%j is refused at %j', (given, path, message) => {
    const { error } = dialects.parameters.safeParse(given);
    const issue = error?.issues.find((each) => each.path.join('.') === path);
    expect(issue?.message).toContain(message);
  });
});
