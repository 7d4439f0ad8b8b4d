import fc from 'fast-check';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Random } from '../base/random.js';
import { UserError } from '../base/errors.js';
import { classification } from './classification.js';
import { splits, type Examples } from './task.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'temper-classification-'));
});
afterAll(() => rm(folder, { recursive: true }));

type LabelledRow = { text: unknown; label: unknown; name?: unknown };

async function jsonl(name: string, rows: readonly LabelledRow[]): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return path;
}

async function examplesOf(rows: readonly LabelledRow[], given: object = {}, seed = 0): Promise<Examples> {
  const file = await jsonl('rows.jsonl', rows);
  return classification.examples(classification.parameters.parse({ file, ...given }), seed);
}

/** Even texts are "a", odd ones "b". */
function numbered(count: number): LabelledRow[] {
  return Array.from({ length: count }, (_, i) => ({ text: `text ${i}`, label: i % 2 ? 'b' : 'a' }));
}

/** Where few texts are drawn, A may happen to have one class alone, which is refused. */
async function examplesOrNone(...given: Parameters<typeof examplesOf>): Promise<Examples | undefined> {
  try {
    return await examplesOf(...given);
  } catch (error) {
    if (error instanceof UserError && error.message.includes('is empty in A')) return undefined;
    throw error;
  }
}

function textsOf({ items }: Examples): string[][] {
  return splits.map((split) => items[split].map(({ text }) => text));
}

describe('splits', () => {
  // Few different texts, so that duplicates, conflicts and texts that differ only around them are common.
  const text = fc
    .tuple(fc.constantFrom('', ' ', '\n'), fc.nat(40), fc.constantFrom('', ' '))
    .map((parts) => parts.join(''));
  const rows = fc.array(
    fc.record({
      text: fc.oneof({ weight: 9, arbitrary: text }, { weight: 1, arbitrary: fc.constant(' ') }),
      label: fc.constantFrom('a', 'b', 'b', 'b'),
    }),
    { maxLength: 80 },
  );
  const anchored = rows.map((drawn) => [...numbered(12), ...drawn]);
  const conflicting = fc.constantFrom('drop', 'majority');

  test('hold every kept text in exactly one of them, with its label', async () => {
    await fc.assert(
      fc.asyncProperty(anchored, conflicting, fc.nat(9), async (drawn, settle, seed) => {
        const examples = await examplesOrNone(drawn, { conflicting: settle }, seed);
        fc.pre(examples !== undefined);
        const { items, truth, report } = examples;
        const all = splits.flatMap((split) => items[split]);
        expect(new Set(all.map((item) => item.text)).size).toBe(all.length);
        expect(all.length).toBe(report.counts['kept texts']);

        const labels = new Map<string, Set<string>>();
        for (const row of drawn) {
          const key = String(row.text).trim();
          labels.set(key, (labels.get(key) ?? new Set()).add(String(row.label)));
        }
        const clear = [...labels]
          .filter(([key, found]) => key !== '' && found.size === 1)
          .map(([key]) => key);
        for (const key of clear) expect(all.filter((item) => item.text === key)).toHaveLength(1);
        if (settle === 'drop') expect(all.length).toBe(clear.length);

        for (const split of splits) {
          expect(truth[split].map(({ id }) => id)).toEqual(items[split].map(({ id }) => id));
          items[split].forEach((item, i) => {
            expect(labels.get(item.text)).toContain(item.choices[truth[split][i]!.label]);
          });
        }
      }),
      { numRuns: 40 },
    );
  });

  test('are the same for the same seed, in whatever order the rows stand', async () => {
    await fc.assert(
      fc.asyncProperty(anchored, fc.nat(9), fc.nat(), async (drawn, seed, order) => {
        const other = Random.of(order, 'reordered').shuffled(drawn);
        const examples = await examplesOrNone(drawn, {}, seed);
        fc.pre(examples !== undefined);
        expect(textsOf(await examplesOf(other, {}, seed))).toEqual(textsOf(examples));
      }),
      { numRuns: 25 },
    );
  });

  test('differ between seeds', async () => {
    const first = await examplesOf(numbered(100), {}, 0);
    expect(textsOf(await examplesOf(numbered(100), {}, 1))).not.toEqual(textsOf(first));
    expect(textsOf(await examplesOf(numbered(100), {}, 0))).toEqual(textsOf(first));
  });

  test('can be given in numbers; what is over is counted', async () => {
    const { report } = await examplesOf(numbered(20), { splits: { A: 5, B: 6, validation: 0, test: 7 } });
    expect(report.counts).toMatchObject({ A: 5, B: 6, validation: 0, test: 7, 'in no split': 2 });
    await expect(examplesOf(numbered(20), { splits: { A: 15, B: 6 } })).rejects.toThrow(
      'the splits need 27 texts',
    );
  });

  test('limit draws from all texts, not the first of the file', async () => {
    const { items, report } = await examplesOf(numbered(200), { limit: 20 });
    expect(report.counts).toMatchObject({ 'left out by limit': 180, A: 6, B: 8, validation: 2, test: 4 });
    const rows = splits.flatMap((split) => items[split]).map(({ id }) => Number(id.slice('row-'.length)));
    expect(Math.max(...rows)).toBeGreaterThan(100);
  });

  test('undersampling leaves as many of each class', async () => {
    const rows = Array.from({ length: 60 }, (_, i) => ({ text: `text ${i}`, label: i < 50 ? 'a' : 'b' }));
    const { truth, report } = await examplesOf(rows, { balance: 'undersample' }, 1);
    const labels = splits.flatMap((split) => truth[split]).map(({ label }) => label);
    expect([
      labels.filter((label) => label === 0).length,
      labels.filter((label) => label === 1).length,
    ]).toEqual([10, 10]);
    expect(report.counts['left out by balance']).toBe(40);
  });
});

describe('the corpus', () => {
  test('is the texts of A and B, and never of validation or test', async () => {
    const file = await jsonl('corpus.jsonl', numbered(100));
    const parameters = classification.parameters.parse({ file });
    const { items } = await classification.examples(parameters, 4);
    const corpus = await classification.corpus(parameters, 4);
    expect([...corpus].sort()).toEqual([...items.A, ...items.B].map(({ text }) => text).sort());
  });
});

describe('classes', () => {
  const labelled = (...labels: unknown[]) =>
    Array.from({ length: 30 }, (_, i) => ({ text: `text ${i}`, label: labels[i % labels.length] }));
  const choicesOf = async (rows: LabelledRow[], given?: object) =>
    (await examplesOf(rows, given)).items.test[0]?.choices;

  test('come from the data, sorted: words by code point, numbers by value', async () => {
    expect(await choicesOf(labelled('yes', 'no', ' yes '))).toEqual(['no', 'yes']);
    expect(await choicesOf(labelled(10, 9, 2))).toEqual(['2', '9', '10']);
    expect(await choicesOf(labelled(true, false))).toEqual(['false', 'true']);
  });

  test('or from the sweep, in its order', async () => {
    const classes = ['yes', 'perhaps', 'no'];
    expect(await choicesOf(labelled('yes', 'no', 'perhaps'), { classes })).toEqual(classes);
    await expect(examplesOf(labelled('yes', 'no'), { classes })).rejects.toThrow(
      'rows.jsonl, column "label": class "perhaps" is empty: none of the 30 usable texts has it. Remove it from classes',
    );
    await expect(examplesOf(labelled('yes', 'no'), { classes: ['yes', 'nope'] })).rejects.toThrow(
      'line 2, column "label": "no" is none of the classes that the sweep lists (yes, nope)',
    );
  });

  test('a single one, or hundreds, are a mistake', async () => {
    await expect(examplesOf(labelled('yes'))).rejects.toThrow(
      '1 different label in 30 usable texts; a task needs at least 2',
    );
    const unique = Array.from({ length: 300 }, (_, i) => ({ text: `text ${i}`, label: `label ${i}` }));
    await expect(examplesOf(unique)).rejects.toThrow('300 different labels; at most 256 are allowed');
  });
});

describe('rows', () => {
  test('that are empty, duplicates or in conflict are counted, and those with line breaks', async () => {
    const { report } = await examplesOf([
      ...numbered(10),
      { text: 'text 0', label: 'a' },
      { text: ' text 1\n', label: 'a' },
      { text: '  ', label: null },
      { text: 'two\nlines', label: 'a' },
    ]);
    expect(report.counts).toMatchObject({
      rows: 14,
      'rows with line breaks in the text': 2,
      'empty texts': 1,
      'unique texts': 12,
      'duplicate rows': 1,
      'texts in conflict': 1,
      'rows in conflict': 2,
      'kept texts': 10,
      'class a': 6,
      'class b': 4,
    });
  });

  test('have the id of a column, or the number of the row', async () => {
    const rows = numbered(10).map((row, i) => ({ ...row, name: `n${i}` }));
    const numbers = (await examplesOf(rows)).items.A.map(({ id, text }) => [id, text]);
    for (const [id, text] of numbers) expect(id).toBe(`row-${Number(text!.slice('text '.length)) + 1}`);
    const named = (await examplesOf(rows, { id: 'name' })).items.A.map(({ id, text }) => [id, text]);
    for (const [id, text] of named) expect(id).toBe(`n${text!.slice('text '.length)}`);
  });

  test.each<[string, LabelledRow, object, string]>([
    [
      'a label is missing',
      { text: 'x', label: '' },
      {},
      'line 11, column "label": expected a class, found nothing',
    ],
    [
      'a label is a list',
      { text: 'x', label: [1] },
      {},
      'line 11, column "label": expected a class, found [1]',
    ],
    ['a text is a number', { text: 7, label: 'a' }, {}, 'line 11, column "text": expected a text, found 7'],
    [
      'an id is missing',
      { text: 'x', label: 'a', name: null },
      { id: 'name' },
      'line 11: the id (column "name") is empty',
    ],
    [
      'an id names two texts',
      { text: 'x', label: 'a', name: 'n3' },
      { id: 'name' },
      '"n3" names two different texts',
    ],
    ['a column is not there', { text: 'x', label: 'a' }, { text: 'prompt' }, 'there is no column "prompt"'],
  ])('where %s, file, row and column are named', async (_, row, given, message) => {
    const rows = [...numbered(10).map((each, i) => ({ ...each, name: `n${i}` })), row];
    const attempt = examplesOf(rows, given);
    await expect(attempt).rejects.toThrow(UserError);
    await expect(attempt).rejects.toThrow(message);
    await expect(attempt).rejects.toThrow(join(folder, 'rows.jsonl'));
  });
});

describe('labels', () => {
  const rows = Array.from({ length: 30 }, (_, i) => ({ text: `text ${i}`, label: i % 3 }));
  const classOf = async (given: object, extra: object[] = []) => {
    const { items, truth } = await examplesOf([...rows, ...extra] as LabelledRow[], given);
    return splits.flatMap((split) =>
      items[split].map(({ text, choices }, i) => [
        Number(text.slice(5)) % 3,
        choices[truth[split][i]!.label],
      ]),
    );
  };

  test('may have other names, several of them the same', async () => {
    for (const [label, name] of await classOf({ labels: { '0': 'yes', '1': 'no', '2': 'no' } }))
      expect(name).toBe(label === 0 ? 'yes' : 'no');
    await expect(classOf({ labels: { '0': 'yes', '1': 'no' } })).rejects.toThrow(
      'line 3, column "label": "2" is none of the labels that the sweep names a class for (0, 1)',
    );
  });

  test('may be numbers of which a threshold makes two classes', async () => {
    const threshold = { at: 2, below: 'low', above: 'high' };
    for (const [label, name] of await classOf({ threshold })) expect(name).toBe(label === 2 ? 'high' : 'low');
    await expect(classOf({ threshold }, [{ text: 'x', label: 'many' }])).rejects.toThrow(
      'line 31, column "label": expected a number to compare with 2, found "many"',
    );
  });

  test('may be missing where the sweep says so, and are counted', async () => {
    const unlabelled = [...numbered(30), { text: 'x', label: null }, { text: 'y', label: ' ' }];
    const { report } = await examplesOf(unlabelled, { unlabelled: 'drop' });
    expect(report.counts).toMatchObject({ rows: 32, 'rows without a label': 2, 'kept texts': 30 });
    await expect(examplesOf(unlabelled)).rejects.toThrow(
      'line 31, column "label": expected a class, found nothing',
    );
  });
});

describe('an A with one class alone', () => {
  test('is refused: nothing can be learnt from it', async () => {
    const rows = Array.from({ length: 40 }, (_, i) => ({ text: `text ${i}`, label: i === 7 ? 'b' : 'a' }));
    const outcomes = await Promise.all(
      Array.from({ length: 8 }, async (_, seed) =>
        examplesOf(rows, {}, seed).then(
          ({ report }) => report.notes.join(' '),
          (error: Error) => error.message,
        ),
      ),
    );
    const refused = 'after splitting, class "b" is empty in A: its 12 texts all have class "a"';
    expect(outcomes.some((outcome) => outcome.includes(refused))).toBe(true);
    expect(
      outcomes.every((o) => o.includes(refused) || o.includes('Split test has no text of class b.')),
    ).toBe(true);
  });
});

describe('templates', () => {
  const rows = Array.from({ length: 20 }, (_, i) => ({
    q: `q${i}`,
    support: i % 2 ? null : `s${i}`,
    label: i % 2,
  }));

  test('make the text of several columns', async () => {
    const { items } = await examplesOf(rows as unknown as LabelledRow[], {
      template: '{{ q }} {{ support }}',
    });
    for (const { id, text } of items.A) {
      const i = Number(id.slice('row-'.length)) - 1;
      expect(text).toBe(i % 2 ? `q${i}` : `q${i} s${i}`);
    }
  });

  test('that read no column are refused, with the columns that there are', async () => {
    const attempt = examplesOf(rows as unknown as LabelledRow[], { template: '{{ q }} {{ suport }}' });
    await expect(attempt).rejects.toThrow(
      'line 1: there is no column "suport". The columns are "q", "support", "label". Did you mean "support"?',
    );
  });

  test('say the text in other words, of which the finished text is all they know', async () => {
    const given = { file: 'x.csv', paraphrases: ['Safe? {{ text }}', '{{ text | upper }}'] };
    const p = classification.parameters.parse(given);
    expect(classification.paraphrases!({ id: '1', text: 'a b', choices: [] }, p)).toEqual([
      'Safe? a b',
      'A B',
    ]);
    expect(classification.hasParaphrases!(p)).toBe(true);
    expect(classification.hasParaphrases!(classification.parameters.parse({ file: 'x.csv' }))).toBe(false);
    expect(classification.corpusParameters(p)).not.toHaveProperty('paraphrases');
    const { error } = classification.parameters.safeParse({ file: 'x', paraphrases: ['{{ q }}'] });
    expect(error?.issues[0]?.message).toContain('a paraphrase knows {{ text }} alone');
  });
});

describe('splits as published', () => {
  test('by a column: what it says is where a text goes', async () => {
    const where = ['train', 'dev', 'test', 'A'];
    const rows = Array.from({ length: 80 }, (_, i) => ({
      text: `text ${i}`,
      label: (i >> 2) % 2,
      part: where[i % 4],
    }));
    const { items } = await examplesOf(rows, { 'split-column': 'part' });
    const partsOf = (split: (typeof splits)[number]) => [
      ...new Set(items[split].map(({ id }) => where[(Number(id.slice(4)) - 1) % 4])),
    ];
    expect(splits.map(partsOf)).toEqual([['A'], ['train'], ['dev'], ['test']]);
    await expect(
      examplesOf([...rows, { text: 'x', label: 0, part: 'extra' }] as LabelledRow[], {
        'split-column': 'part',
      }),
    ).rejects.toThrow('line 81, column "part": expected A, B, train, validation or test, found "extra"');
  });

  test('by files: a text of the test file is in no other split', async () => {
    const test_ = await jsonl('published.jsonl', numbered(10));
    const { items, report } = await examplesOf(numbered(50), { 'test-file': test_ });
    expect(items.test).toHaveLength(10);
    expect(report.counts).toMatchObject({
      rows: 60,
      'duplicate rows': 10,
      A: 15,
      B: 20,
      validation: 5,
      test: 10,
    });
    const others = [...items.A, ...items.B, ...items.validation].map(({ text }) => Number(text.slice(5)));
    expect(Math.min(...others)).toBe(10);
  });
});

describe('parameters', () => {
  test('the format follows from the path, before a digest takes its place', async () => {
    const file = await jsonl('by-digest.jsonl', numbered(20));
    const resolved = classification.resolve(classification.parameters.parse({ file }));
    expect(resolved.format).toBe('jsonl');
    const digest = 'sha256:0123';
    const byDigest = await classification.examples({ ...resolved, file: digest }, 0, { [digest]: file });
    expect(byDigest).toEqual(await classification.examples(resolved, 0));
    expect(() => classification.resolve(classification.parameters.parse({ file: 'x.txt' }))).toThrow(
      UserError,
    );
  });

  test.each([
    [{}, 'file', 'name the data by file: PATH, or by hub: OWNER/NAME'],
    [{ file: 'x', splits: { A: 0.6, B: 0.6 } }, 'splits', 'the shares add up to 1.5, which is more than 1'],
    [{ file: 'x', splits: { A: 1.5 } }, 'splits.A', 'expected a share below 1 or a whole number'],
    [{ file: 'x', splits: { A: -1 } }, 'splits.A', '>=0'],
    [{ file: 'x', splits: { test: 0 } }, 'splits.test', 'this split cannot be empty'],
    [{ file: 'x', classes: ['a', 'a'] }, 'classes', '"a" stands here twice'],
    [{ file: 'x', limit: 0 }, 'limit', '>=4'],
    [{ file: 'x', hub: 'a/b' }, 'hub', 'the data comes from the hub or from file, not from both'],
    [{ file: 'x', revision: 'v1' }, 'revision', 'no hub: is named'],
    [{ 'a-file': 'x' }, 'file', 'each of A, B and test needs a file of its own'],
    [{ file: 'x', template: '{{ a' }, 'template', 'cannot be read'],
    [
      { file: 'x', template: '{{ q }}', candidates: { answers: ['a'], right: 'b' } },
      'template',
      'has no {{ candidate }} in it',
    ],
    [
      { file: 'x', labels: { a: 'b' }, threshold: { at: 1 } },
      'labels',
      'threshold and labels are ways to say the class',
    ],
    [{ file: 'x', txt: 'prompt' }, '', 'txt'],
  ])('%j is refused at %j', (given, path, message) => {
    const { error } = classification.parameters.safeParse(given);
    const issue = error?.issues.find((each) => each.path.join('.') === path);
    expect(issue?.message).toContain(message);
  });
});
