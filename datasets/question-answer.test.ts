import fc from 'fast-check';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Random } from '../base/random.js';
import { realData } from '../test/real-data.js';
import { questionAnswer } from './question-answer.js';
import { splits, type Examples } from './task.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'temper-question-answer-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function examplesOf(rows: readonly object[], given: object = {}, seed = 0): Promise<Examples> {
  const file = join(folder, 'questions.jsonl');
  await writeFile(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return questionAnswer.examples(questionAnswer.parameters.parse({ file, ...given }), seed);
}

const rows = Array.from({ length: 20 }, (_, i) => ({
  question: `What is ${i} + 1?`,
  answer: `It is #### ${i + 1}`,
  small: { solution: `I say ${i}` },
  large: i % 4 === 0 ? null : `I say ${i + 1}`,
}));

describe('questions and answers', () => {
  test('have no choices: the truth is in words', async () => {
    const { items, truth, given } = await examplesOf(rows);
    expect(given).toBeUndefined();
    for (const split of splits)
      items[split].forEach((item, i) => {
        const n = Number(/\d+/.exec(item.text)![0]);
        expect(item.choices).toEqual([]);
        expect(truth[split][i]).toEqual({ id: item.id, label: 0, answer: `It is #### ${n + 1}` });
      });
  });

  test("others' answers become labels by name; who gave none abstains", async () => {
    const { items, given } = await examplesOf(rows, { given: { small: 'small.solution', large: 'large' } });
    for (const split of splits) {
      const numbers = items[split].map(({ id }) => Number(id.slice('row-'.length)) - 1);
      expect(given!['small']![split].map(({ answer }) => answer)).toEqual(numbers.map((n) => `I say ${n}`));
      const answered = numbers.filter((n) => n % 4 !== 0);
      expect(given!['large']![split].map(({ answer }) => answer)).toEqual(
        answered.map((n) => `I say ${n + 1}`),
      );
    }
  });

  test('numbers are answers, too; a template may make the question', async () => {
    const sums = Array.from({ length: 10 }, (_, i) => ({ a: i, b: 2, sum: i + 2 }));
    const { items, truth } = await examplesOf(sums, { template: '{{ a }} + {{ b }}', answer: 'sum' });
    expect(items.test.map(({ text }) => text).every((text) => /^\d \+ 2$/.test(text))).toBe(true);
    expect(truth.test[0]!.answer).toBe(String(Number(items.test[0]!.text[0]) + 2));
  });

  test('are graded as the sweep says', () => {
    const item = { id: 'x', text: 'q', choices: [] };
    const grade = (answer: string, grader?: string) =>
      questionAnswer.grade!(answer, 'So #### 12', item, grader === undefined ? {} : { grader }).score;
    expect(grade('It makes 3 * 4 = 12\n#### 12', 'gsm8k')).toBe(1);
    expect(grade('#### 13', 'gsm8k')).toBe(0);
    expect(grade('So #### 12')).toBe(1);
    expect(grade('#### 12')).toBe(0);
  });

  test('how they are graded is no part of what items depend on, and what others said none of the corpus', () => {
    const p = questionAnswer.parameters.parse({ file: 'x.jsonl', grader: 'gsm8k', given: { a: 'b' } });
    expect(questionAnswer.exampleParameters(p)).not.toHaveProperty('grader');
    expect(questionAnswer.gradeParameters!(p)).toEqual({ grader: 'gsm8k' });
    expect(questionAnswer.corpusParameters(p)).not.toHaveProperty('given');
  });

  test.each<[string, object, object, string]>([
    [
      'no answer',
      { question: 'q', answer: ' ' },
      {},
      'line 21, column "answer": expected an answer, found nothing',
    ],
    [
      'an answer that is a list',
      { question: 'q', answer: [1] },
      {},
      'column "answer": expected a text or a number, found [1]',
    ],
    ['no question column', { answer: '1' }, {}, 'line 21: there is no column "question"'],
    [
      'no column of an answer given',
      { question: 'q', answer: '1' },
      { given: { x: 'small' } },
      'line 21: there is no column "small"',
    ],
  ])('a row with %s is named', async (_, row, given, message) => {
    await expect(examplesOf([...rows.map((r) => ({ ...r, small: 'x' })), row], given)).rejects.toThrow(
      message,
    );
  });

  test('an unknown grader, or a paraphrase of columns, is refused', () => {
    const parse = (given: object) => questionAnswer.parameters.safeParse({ file: 'x.jsonl', ...given });
    expect(parse({ grader: 'gsm' }).error?.issues[0]?.path).toEqual(['grader']);
    expect(parse({ paraphrases: ['{{ question }}'] }).error?.issues[0]?.message).toContain(
      'knows {{ text }} alone',
    );
    expect(parse({ paraphrases: ['Please: {{ text }}'] }).success).toBe(true);
  });
});

test('no question stands in two splits, whatever the rows and their order', async () => {
  const row = fc.record({
    question: fc.constantFrom('a', ' a', 'b', 'c ', '', 'd', 'e'),
    answer: fc.constantFrom('1', '2'),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(row, { maxLength: 30 }),
      fc.constantFrom('drop', 'majority'),
      fc.nat(),
      async (drawn, conflicting, order) => {
        const data = [...rows.map(({ question, answer }) => ({ question, answer })), ...drawn];
        const { items, report } = await examplesOf(data, { conflicting });
        const texts = splits.flatMap((split) => items[split].map(({ text }) => text));
        expect(new Set(texts).size).toBe(texts.length);
        expect(texts.length).toBe(report.counts['kept questions']);
        const other = await examplesOf(Random.of(order, 'order').shuffled(data), { conflicting });
        expect(splits.flatMap((split) => other.items[split].map(({ text }) => text))).toEqual(texts);
      },
    ),
    { numRuns: 25 },
  );
});

const solutions = realData('gsm8k/example_model_solutions.jsonl');

test.skipIf(solutions === undefined)(
  "GSM8K's example solutions are weak supervisors that need no model",
  async () => {
    const who = { '6b': '6b_finetuning.solution', '175b': '175b_verification.solution' };
    const p = questionAnswer.parameters.parse({
      file: solutions,
      answer: 'ground_truth',
      given: who,
      grader: 'gsm8k',
    });
    const { items, truth, given } = await questionAnswer.examples(p, 0);
    const rightOf = (name: string) => {
      const scores = splits.flatMap((split) =>
        given![name]![split].map(
          (label, i) =>
            questionAnswer.grade!(label.answer!, truth[split][i]!.answer!, items[split][i]!, p).score,
        ),
      );
      return scores.reduce((a, b) => a + b) / scores.length;
    };
    expect(rightOf('6b')).toBeCloseTo(0.217, 3);
    expect(rightOf('175b')).toBeCloseTo(0.563, 3);
  },
);
