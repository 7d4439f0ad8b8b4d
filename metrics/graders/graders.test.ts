import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { realData } from '../../test/real-data.js';
import { exact } from './exact.js';
import { gsm8k } from './gsm8k.js';
import { math } from './math.js';
import { graders } from './registry.js';

const solutions = realData('gsm8k/example_model_solutions.jsonl');
const questions = realData('gsm8k/test.jsonl');
const lines = (path: string | undefined): string[] =>
  path === undefined ? [] : readFileSync(path, 'utf8').trimEnd().split('\n');

describe('exact', () => {
  it.each([
    ['  Paris. ', 'paris', 1],
    ['New\n York', 'new york', 1],
    ['the Paris', 'Paris', 0],
    ['', '', 0],
  ])('%j for %j scores %d', (answer, truth, score) => {
    expect(exact.grade(answer, truth)).toEqual({ score });
  });
});

describe('gsm8k', () => {
  it.each([
    ['He has 2 left, 3 gone.\n#### 1,080', '1080'],
    ['She makes 9 * 2 = $<<9*2=18>>18\nA: 18', '18'],
    ['first #### 3\nno: #### 4 of 7', '4'],
    ['so it costs $1,234.50.', '1234.5'],
    ['50.0', '50'],
    ['.5 hours', '0.5'],
    ['it falls by -12', '-12'],
    ['16-3', '3'],
    ['-$5', '-5'],
    ['#### ', undefined],
    ['#### none, after 12', '12'],
    ['no idea', undefined],
    ['007', '7'],
    ['-0.0', '0'],
    ['90071992547409931', '90071992547409931'],
  ])('reads %j as %s', (text, answer) => {
    expect(gsm8k.extract(text)).toBe(answer);
  });

  it('scores a text without a number 0, whatever the truth', () => {
    expect(gsm8k.grade('none', 'none').score).toBe(0);
  });

  const models = {
    '6b_finetuning': 21.7,
    '6b_verification': 39.0,
    '175b_finetuning': 34.7,
    '175b_verification': 56.3,
  };
  it.skipIf(solutions === undefined).each(Object.entries(models))(
    'gives the released solutions of %s %d %%, and judges each as their authors did',
    (model, share) => {
      type Row = { ground_truth: string } & Record<string, { solution: string; is_correct: boolean }>;
      const rows = lines(solutions).map((line) => JSON.parse(line) as Row);
      const scores = rows.map((row) => gsm8k.grade(row[model]!.solution, row.ground_truth).score);
      const right = scores.reduce((sum, score) => sum + score, 0);
      expect(Math.abs((100 * right) / rows.length - share)).toBeLessThan(0.1);
      expect(rows.filter((row, i) => row[model]!.is_correct !== (scores[i] === 1))).toEqual([]);
    },
  );

  it.skipIf(questions === undefined)('finds every right answer behind "####"', () => {
    for (const line of lines(questions)) {
      const { answer } = JSON.parse(line) as { answer: string };
      expect(gsm8k.extract(answer)).toBe(answer.split('#### ')[1]!.replaceAll(',', ''));
    }
  });
});

describe('math', () => {
  it.each([
    ['so \\boxed{\\frac{1}{2}}.', '\\frac{1}{2}'],
    ['\\boxed{1} then \\boxed{\\{1,2\\}}', '\\{1,2\\}'],
    ['\\fbox{7}', '7'],
    ['$\\boxed 12$ it is', '12'],
    ['Final Answer: The final answer is $\\frac{3}{4}$. I hope it is correct.', '\\frac{3}{4}'],
    ['the answer is 3.5', '3.5'],
    ['work\n#### 12', '12'],
    ['\\boxed{\\frac{1}{2', undefined],
    ['a\nb', undefined],
    ['\\boxed{}', undefined],
  ])('reads %j as %s', (text, answer) => {
    expect(math.extract(text)).toBe(answer);
  });

  it.each([
    ['\\dfrac{1}{2}', '\\frac12'],
    ['\\tfrac 12', '1/2'],
    ['\\frac{1}2', '\\frac1{2}'],
    ['0.5', '\\frac{1}{2}'],
    ['.5', '0.50'],
    ['-\\frac{1}{2}', '\\frac{-1}{2}'],
    ['2/4', '1/2'],
    ['10\\%', '10'],
    ['\\$18.90', '18.9'],
    ['90^\\circ', '90'],
    ['90^{\\circ}', '90 degrees'],
    ['5\\text{ cm}', '5'],
    ['5 \\mbox{ cm}^2', '5'],
    ['\\text{Evelyn}', 'Evelyn'],
    ['x = 5', '5'],
    ['1,000,000', '1000000'],
    ['11{,}111', '11111'],
    ['11,\\! 111,\\! 111', '11111111'],
    ['\\left( 3, \\frac{\\pi}{2} \\right)', '(3,\\frac{\\pi}{2})'],
    ['\\sqrt2', '\\sqrt{2}'],
    ['x \\leq 3', 'x\\le3'],
    ['6 - 5i', '6-5i'],
  ])('finds %s equal to %s', (a, b) => {
    expect(math.grade(`\\boxed{${a}}`, `\\boxed{${b}}`)).toEqual({ score: 1 });
    expect(math.grade(b, a)).toEqual({ score: 1 });
  });

  it.each([
    ['1,2', '12'],
    ['(1,000)', '(1000)'],
    ['\\frac{1}{3}', '0.333'],
    ['\\frac{1}{0}', '\\frac{2}{0}'],
    ['x \\le 3', 'x \\ge 3'],
    ['\\text{Evelyn}', '\\text{Evelyne}'],
    ['2^{10}', '210'],
  ])('tells %s from %s', (a, b) => {
    expect(math.grade(`\\boxed{${a}}`, `\\boxed{${b}}`)).toEqual({ score: 0 });
  });
});

describe('the registry', () => {
  it('has each grader under its own name', () => {
    for (const [name, { name: own }] of Object.entries(graders)) expect(own).toBe(name);
  });
});
