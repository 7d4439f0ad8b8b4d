import fc from 'fast-check';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Random } from '../base/random.js';
import { realData } from '../test/real-data.js';
import { preference } from './preference.js';
import { splits, type Examples } from './task.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'temper-preference-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function examplesOf(rows: readonly object[], given: object = {}, seed = 0): Promise<Examples> {
  const file = join(folder, 'pairs.jsonl');
  await writeFile(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return preference.examples(preference.parameters.parse({ file, ...given }), seed);
}

const said = (human: string, assistant: string) => `\n\nHuman: ${human}\n\nAssistant: ${assistant}`;

/** Conversations of hh-rlhf's form. */
function conversations(count: number): { chosen: string; rejected: string }[] {
  return Array.from({ length: count }, (_, i) => ({
    chosen: said(`question ${i}`, `I say good ${i}`),
    rejected: said(`question ${i}`, `I say bad ${i}`),
  }));
}

const all = ({ items, truth }: Examples) =>
  splits.flatMap((split) => items[split].map((item, i) => ({ ...item, label: truth[split][i]!.label })));

describe('conversations', () => {
  test('are cut where the last answer begins: what both share is the prompt', async () => {
    const found = all(await examplesOf(conversations(20)));
    for (const { text, choices, label } of found) {
      expect(text).toMatch(/^\n\nHuman: question \d+\n\nAssistant:$/);
      const i = /\d+/.exec(text)![0];
      expect(choices[label]).toBe(` I say good ${i}`);
      expect(choices[1 - label]).toBe(` I say bad ${i}`);
    }
    expect(found).toHaveLength(20);
  });

  test('that differ in nothing, end in nothing or part earlier are left out and counted', async () => {
    const longer = said('hi', 'hello') + said('more', 'x');
    const { report } = await examplesOf([
      ...conversations(10),
      { chosen: said('same', 'yes '), rejected: said('same', 'yes') },
      { chosen: said('nothing', 'yes'), rejected: said('nothing', '') },
      { chosen: longer, rejected: said('hi', 'bye') },
    ]);
    expect(report.counts).toMatchObject({
      rows: 13,
      'rows with an empty response': 1,
      'rows with equal responses': 1,
      'rows that part before the last answer': 1,
      'kept prompts': 10,
    });
  });
});

describe('the position of the better response', () => {
  test('is even, tells nothing, and is the same for the same seed', async () => {
    const rows = conversations(400);
    const first = all(await examplesOf(rows));
    const share = first.filter(({ label }) => label === 0).length / first.length;
    expect(share).toBeGreaterThan(0.4);
    expect(share).toBeLessThan(0.6);
    expect(all(await examplesOf(rows))).toEqual(first);
    const other = new Map(all(await examplesOf(rows, {}, 1)).map(({ id, label }) => [id, label]));
    const moved = first.filter(({ id, label }) => other.get(id) !== label).length / first.length;
    expect(moved).toBeGreaterThan(0.4);
  });

  test('does not follow from which column a response stood in', async () => {
    const rows = conversations(200);
    const turned = rows.map(({ chosen, rejected }) => ({ chosen: rejected, rejected: chosen }));
    const positions = new Map(all(await examplesOf(rows)).map(({ text, choices }) => [text, choices]));
    for (const { text, choices } of all(await examplesOf(turned)))
      expect(choices).toEqual(positions.get(text));
  });
});

describe('splits', () => {
  const answer = fc.constantFrom('a', 'b', 'c', '');
  const row = fc
    .record({ question: fc.nat(25), chosen: answer, rejected: answer })
    .map(({ question, chosen, rejected }) => ({
      chosen: said(`q${question}`, chosen),
      rejected: said(`q${question}`, rejected),
    }));

  test('share no prompt, and do not depend on the order of the rows', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(row, { maxLength: 60 }), fc.nat(5), fc.nat(), async (drawn, seed, order) => {
        const rows = [...conversations(12), ...drawn];
        const examples = await examplesOf(rows, {}, seed);
        const texts = all(examples).map(({ text }) => text);
        expect(new Set(texts).size).toBe(texts.length);
        expect(texts.length).toBe(examples.report.counts['kept prompts']);
        for (const { text, choices, label } of all(examples)) {
          const right = rows.some(
            (r) => r.chosen === text + choices[label] && r.rejected === text + choices[1 - label],
          );
          expect(right).toBe(true);
        }
        const other = await examplesOf(Random.of(order, 'order').shuffled(rows), {}, seed);
        const contents = (e: Examples) =>
          all(e).map(({ text, choices, label }) => ({ text, choices, label }));
        expect(contents(other)).toEqual(contents(examples));
      }),
      { numRuns: 25 },
    );
  });

  test('keep a published test set whole: what stands there too is taken out of training', async () => {
    const test_ = join(folder, 'test.jsonl');
    await writeFile(
      test_,
      conversations(5)
        .map((r) => `${JSON.stringify(r)}\n`)
        .join(''),
    );
    const { items, report } = await examplesOf(conversations(25), { 'test-file': test_ });
    expect(items.test.map(({ text }) => text).sort()).toEqual(
      conversations(5).map(({ chosen }) => /^[^]*Assistant:/.exec(chosen)![0]),
    );
    expect(report.counts).toMatchObject({
      rows: 30,
      'duplicate pairs': 5,
      A: 8,
      B: 10,
      validation: 2,
      test: 5,
    });
  });
});

describe('prompts and responses in columns', () => {
  const rows = Array.from({ length: 10 }, (_, i) => ({
    ask: `ask ${i}`,
    x: `x${i}`,
    y: `y${i}`,
    winner: i % 2 ? 'y' : 'x',
  }));
  const given = {
    prompt: 'ask',
    responses: ['x', 'y'],
    better: { column: 'winner', first: 'x', second: 'y' },
  };

  test('the prompt has an empty line behind it, and a column says which is better', async () => {
    const found = all(await examplesOf(rows, given));
    for (const { text, choices, label } of found) {
      const i = Number(/^ask (\d+)\n\n$/.exec(text)![1]);
      expect(choices[label]).toBe(i % 2 ? `y${i}` : `x${i}`);
    }
  });

  test('a template may make the prompt', async () => {
    const found = all(await examplesOf(rows, { ...given, prompt: undefined, template: 'Q: {{ ask }}\nA: ' }));
    expect(found.map(({ text }) => text)).toContain('Q: ask 3\nA: ');
  });

  test('ties are left out where the sweep knows them, and a mistake where it does not', async () => {
    const tied = [...rows, { ask: 'ask t', x: 'x', y: 'y', winner: 'tie' }];
    const { report } = await examplesOf(tied, { ...given, better: { ...given.better, ties: ['tie'] } });
    expect(report.counts).toMatchObject({ rows: 11, 'rows that prefer neither': 1, 'kept prompts': 10 });
    await expect(examplesOf(tied, given)).rejects.toThrow(
      'pairs.jsonl, line 11, column "winner": expected one of "x", "y", found "tie"',
    );
  });

  test.each<[string, object, object, string]>([
    ['no prompt', { ask: ' ', x: 'a', y: 'b', winner: 'x' }, given, 'line 11: the prompt is empty'],
    [
      'a response that is a number',
      { ask: 'q', x: 7, y: 'b', winner: 'x' },
      given,
      'line 11, column "x": expected a text, found 7',
    ],
    ['no such column', { ask: 'q', x: 'a', winner: 'x' }, given, 'line 11: there is no column "y"'],
    [
      'no conversation',
      { chosen: 'a', rejected: 'b' },
      {},
      'line 11: the two conversations share no "\\n\\nAssistant:"',
    ],
  ])('a row with %s is named', async (_, row, parameters, message) => {
    const before = parameters === given ? rows : conversations(10);
    await expect(examplesOf([...before, row], parameters)).rejects.toThrow(message);
  });
});

test('the corpus holds both responses of A and B, and nothing of the others', async () => {
  const rows = conversations(30);
  const file = join(folder, 'corpus.jsonl');
  await writeFile(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const parameters = preference.parameters.parse({ file });
  const { items } = await preference.examples(parameters, 3);
  const corpus = await preference.corpus(parameters, 3);
  const learnt = [...items.A, ...items.B].flatMap(({ text, choices }) =>
    choices.map((choice) => text + choice),
  );
  expect([...corpus].sort()).toEqual(learnt.sort());
  const hidden = [...items.validation, ...items.test].map(({ text }) => text);
  expect(corpus.filter((text) => hidden.some((prompt) => text.startsWith(prompt)))).toEqual([]);
});

const parts = ['train_gt', 'train_w2s', 'test'].map((name) => realData(`hh-rlhf/harmless_${name}.jsonl`));
const original = realData('hh-rlhf/harmless-base-test.jsonl.gz');

describe.skipIf(parts.includes(undefined) || original === undefined)('hh-rlhf', () => {
  test('is read as published for weak to strong: every prompt in one split, position even', async () => {
    const [a, b, held] = parts;
    const given = { 'a-file': a, 'b-file': b, 'test-file': held };
    const { items, truth, report } = await preference.examples(preference.parameters.parse(given), 0);
    expect(report.counts).toMatchObject({ rows: 12_000, 'rows with an empty response': 17, validation: 0 });
    const prompts = splits.flatMap((split) => items[split].map(({ text }) => text));
    expect(new Set(prompts).size).toBe(prompts.length);
    for (const split of ['A', 'B', 'test'] as const) {
      expect(items[split].length).toBeGreaterThan(3_700);
      const first = truth[split].filter(({ label }) => label === 0).length / truth[split].length;
      expect(Math.abs(first - 0.5)).toBeLessThan(0.04);
    }
  });

  test('is read packed', async () => {
    const parameters = preference.resolve(preference.parameters.parse({ file: original }));
    const { report } = await preference.examples(parameters, 0);
    expect(report.counts).toMatchObject({ rows: 2_312, 'rows with an empty response': 4 });
  });
});
