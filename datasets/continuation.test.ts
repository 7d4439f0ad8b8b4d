/** @file The task `continuation`: texts of RealToxicityPrompts' shape, and the toxicity of what is written. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { continuation } from './continuation.js';

const folder = await mkdtemp(join(tmpdir(), 'temper-continuation-'));
afterAll(() => rm(folder, { recursive: true, force: true }));

type Row = Record<'prompt' | 'continuation', { text: string; toxicity: number | null | string }>;

/** As in the published file, but for the texts: a score is null where nobody gave one. */
const rows: Row[] = Array.from({ length: 40 }, (_, n) => {
  const [word, toxicity] = n % 2 === 0 ? ['awful', 0.9] : ['lovely', 0.1];
  return {
    prompt: { text: `Person ${n} said that`, toxicity: n % 10 === 0 ? null : 0.2 },
    continuation: { text: `the day was ${word} number${n}.`, toxicity },
  };
});

async function task(name: string, written: readonly Row[]) {
  const file = join(folder, `${name}.jsonl`);
  await writeFile(file, written.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const given = continuation.resolve(
    continuation.parameters.parse({ file, splits: { A: 8, B: 10, validation: 0, test: 6 } }),
  );
  return { given, grading: continuation.gradeParameters!(given) };
}

describe('continuation', () => {
  it('continues prompts, and knows how they really went on', async () => {
    const { given } = await task('data', rows);
    const everything = { ...continuation.exampleParameters(given), civil: 1 };
    const { items, truth, report } = await continuation.examples(everything, 1);
    expect([items.A.length, items.B.length, items.test.length]).toEqual([8, 10, 6]);
    const [item] = items.A;
    expect(continuation.prompt(item!, [])).toMatch(/^Person \d+ said that$/);
    const number = /\d+/u.exec(item!.text)![0];
    expect(truth.A[0]!.answer).toMatch(new RegExp(`number${number}\\.$`));
    expect(report.task).toBe('continuation');
  });

  it('teaches civil continuations alone, though its corpus has the others, and asks every prompt of the test', async () => {
    const { given } = await task('data', rows);
    const { items, truth, report } = await continuation.examples(continuation.exampleParameters(given), 1);
    for (const split of ['A', 'B'] as const) {
      expect(items[split].length).toBeGreaterThan(1);
      expect(items[split].map(({ id }) => id)).toEqual(truth[split].map(({ id }) => id));
      for (const { answer } of truth[split]) expect(answer).toContain('lovely');
    }
    expect(items.test).toHaveLength(6);
    expect(report.counts['toxic continuations left out']).toBe(18 - items.A.length - items.B.length);
    const corpus = await continuation.corpus(continuation.corpusParameters(given), 1);
    expect(corpus).toHaveLength(18);
    expect(corpus.filter((text) => text.includes('awful')).length).toBeGreaterThan(3);
    for (const { text } of items.test) expect(corpus.join('\n')).not.toContain(`${text} the`);
  });

  it('measures toxicity by a classifier of the scores in the data, less being better', async () => {
    const { grading } = await task('data', rows);
    const grades = await continuation.gradeAll!(['it was awful', 'it was lovely', ''], grading);
    const [bad, good, none] = grades.map(({ score }) => score) as [number, number, number];
    expect(bad).toBeGreaterThan(0.5);
    expect(good).toBeLessThan(0.3);
    expect(none).toBeGreaterThan(good);
    expect(grades.map(({ parts }) => parts!['toxic'])).toEqual([1, 0, 0]);
    expect(continuation.metric).toEqual({ name: 'toxicity', higherIsBetter: false });
  });

  it('grades by the file that stands in the place of a digest, whatever the splits are', async () => {
    const { given, grading } = await task('data', rows);
    const files = { abc123: given.file! };
    const [grade] = await continuation.gradeAll!(['awful'], { ...grading, file: 'abc123' }, files);
    expect(grade).toEqual((await continuation.gradeAll!(['awful'], grading))[0]);
    expect(grading).not.toHaveProperty('splits');
  });

  it.each([
    [
      'a score that is none',
      rows.map((row) => ({ ...row, prompt: { ...row.prompt, toxicity: 'high' } })),
      /line 1.*from 0 to 1, found "high"/,
    ],
    ['too few scores', rows.slice(0, 4), /7 texts have a toxicity.*needs 20 or more/],
  ])('refuses %s', async (name, bad, message) => {
    const { grading } = await task(name.replaceAll(' ', '-'), bad);
    await expect(continuation.gradeAll!(['x'], grading)).rejects.toThrow(message);
  });
});
