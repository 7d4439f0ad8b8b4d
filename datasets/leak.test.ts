/** @file No text stands in two splits, whatever the task: also where the data has it several times. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { samples } from './presets/testing/samples.js';
import { splits, type TaskParameters } from './task.js';
import { tasks } from './tasks.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'temper-splits-'));
});
afterAll(() => rm(folder, { recursive: true }));

type Row = Record<string, unknown>;
const count = 60;

/** What makes a task small: parameters, and rows where it reads a file. A task that is new has to be added. */
const small: Readonly<Record<string, { parameters: TaskParameters; row?: (n: number) => Row }>> = {
  dialects: { parameters: { dialects: 2, nouns: 60, documents: 10, splits: { A: 16, B: 20, test: 16 } } },
  ginc: { parameters: { documents: 2, words: 60, splits: { A: 16, B: 20, test: 16 } } },
  personas: { parameters: { subjects: 60, documents: 10, splits: { A: 16, B: 20, test: 16 } } },
  'gaussian-mixture': { parameters: { splits: { A: 16, B: 20, test: 16 } } },
  classification: {
    parameters: {},
    row: (n) => ({ text: `text ${n}`, label: n % 2 === 0 ? 'yes' : 'no' }),
  },
  preference: {
    parameters: { prompt: 'prompt' },
    row: (n) => ({ prompt: `prompt ${n} `, chosen: `good ${n}`, rejected: `bad ${n}` }),
  },
  continuation: {
    parameters: {},
    row: (n) => ({
      prompt: { text: `so it began ${n}`, toxicity: (n % 10) / 10 },
      continuation: { text: ` and went on ${n}`, toxicity: ((n * 3) % 10) / 10 },
    }),
  },
  'question-answer': { parameters: {}, row: (n) => ({ question: `question ${n}`, answer: `answer ${n}` }) },
  ...Object.fromEntries(
    Object.entries(samples).map(([name, { row }]) => [name, { parameters: {}, row: (n: number) => row(n) }]),
  ),
};

it.each(Object.keys(tasks))('%s', async (name) => {
  expect(Object.keys(small)).toContain(name);
  const { parameters, row } = small[name]!;
  const task = tasks[name]!;
  const file = join(folder, `${name}.jsonl`);
  if (row !== undefined) {
    // Every second row once more, at the end.
    const rows = Array.from({ length: count }, (_, n) => row(n));
    const twice = [...rows, ...rows.filter((_, n) => n % 2 === 0)];
    await writeFile(file, `${twice.map((each) => JSON.stringify(each)).join('\n')}\n`);
  }
  const given = task.parameters.parse(row === undefined ? parameters : { ...parameters, file });
  const { items, truth } = await task.examples(task.exampleParameters(task.resolve(given)), 3);
  const all = splits.flatMap((split) => items[split]);
  for (const split of ['A', 'B', 'test'] as const) expect(items[split].length, split).toBeGreaterThan(3);
  const splitsOf = new Map<string, Set<string>>();
  for (const split of splits) {
    for (const { text } of items[split]) {
      const seen = splitsOf.get(text.trim()) ?? new Set();
      splitsOf.set(text.trim(), seen.add(split));
    }
    // Truth goes with its own split's items, in their order.
    expect(truth[split].map(({ id }) => id)).toEqual(items[split].map(({ id }) => id));
  }
  expect([...splitsOf].filter(([, seen]) => seen.size > 1).map(([text]) => text)).toEqual([]);
  expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
});
