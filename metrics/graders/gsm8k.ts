/** @file The grader `gsm8k`: a number after "####" or "A:", or else the text's last number. */
import { grader } from './grader.js';

export const gsm8k = grader({
  name: 'gsm8k',
  summary: 'The number after the last "####" or "A:" at the beginning of a line, else the last number.',
  source:
    "Cobbe et al. 2021 (arXiv 2110.14168): solutions end in '#### n', those of the released models in 'A: n'; " +
    'the last number is what models that were not taught either are graded by',
  extract: (text) => {
    const marked = [...text.matchAll(/(?:####|^[ \t]*A:)(.*)$/gmu)].at(-1)?.[1];
    const number = marked?.match(numberPattern)?.[0] ?? numbersOf(text).at(-1);
    return number === undefined ? undefined : canonical(number);
  },
  equal: (a, b) => a === b,
});

/** "−" is a sign where no digit or letter stands before it: in "16-3" it takes away. */
const numberPattern = /(?:(?<![\p{L}\p{N})])[-−])?(?:\p{Sc}\s?)?(?:\d+(?:,\d{3})*(?:\.\d+)?|\.\d+)/u;

function numbersOf(text: string): string[] {
  return [...text.matchAll(new RegExp(numberPattern, 'gu'))].map(([number]) => number);
}

/** "$1,080.00" → "1080", ".5" → "0.5", "-0" → "0": as text, so that no digit of a long number is lost. */
function canonical(number: string): string {
  const negative = /^[-−]/u.test(number);
  const [whole = '', part = ''] = number.replace(/[^\d.]/gu, '').split('.');
  const digits = whole.replace(/^0+(?=\d)/u, '') || '0';
  const decimals = part.replace(/0+$/u, '');
  const size = decimals === '' ? digits : `${digits}.${decimals}`;
  return negative && size !== '0' ? `-${size}` : size;
}
