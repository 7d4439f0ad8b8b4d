/** @file The grader `math`: what stands in the last \boxed{…}, compared after the usual normalisation of LaTeX. */
import { grader } from './grader.js';
import { normalLatex, rationalOf } from './latex.js';

export const math = grader({
  name: 'math',
  summary:
    'The last \\boxed{…}, else what follows "answer is", "####" or "A:", else the one line there is; fractions, units, spaces and the like are normalised, and numbers compared by value.',
  source:
    'Hendrycks et al. 2021 (arXiv 2103.03874), string equivalence of the released grader; Lewkowycz et al. 2022 (arXiv 2206.14858) for "answer is"; numbers by value are an addition',
  extract: (text) => {
    const found = box.test(text) ? lastBoxed(text) : (lastStated(text) ?? onlyLine(text));
    if (found === undefined || found.trim() === '') return undefined;
    return normalLatex(found);
  },
  equal: (a, b) => {
    if (a === b) return true;
    const [left, right] = [rationalOf(a), rationalOf(b)];
    // Cross multiplied, so that no fraction is rounded.
    return left !== undefined && right !== undefined && left[0] * right[1] === right[0] * left[1];
  },
});

const box = /\\(?:boxed|fbox)(?![a-z])/u;

/** What the last \boxed or \fbox holds: a group in braces, braces within it included, or all up to the next "$". */
function lastBoxed(text: string): string | undefined {
  const start = [...text.matchAll(new RegExp(box, 'gu'))].at(-1);
  if (start === undefined) return undefined;
  const rest = text.slice(start.index + start[0].length);
  if (!/^\s*\{/u.test(rest)) return /^\s*([^$\n]+)/u.exec(rest)?.[1];
  const open = rest.indexOf('{');
  let depth = 0;
  for (let at = open; at < rest.length; at++) {
    if (rest[at - 1] === '\\' && /[{}]/u.test(rest[at] as string)) continue;
    if (rest[at] === '{') depth++;
    if (rest[at] === '}' && --depth === 0) return rest.slice(open + 1, at);
  }
  return undefined; // It never closes: a generation that was cut off gives no answer.
}

/** What follows "answer is", "####" or "A:" for the last time, up to the end of the sentence or line. */
function lastStated(text: string): string | undefined {
  const stated = [
    ...text.matchAll(/(?:answer\s+is:?|####|^[ \t]*A:)\s*(.+?)(?=\.\s|\.?$|\s+I hope\b)/gimu),
  ].at(-1)?.[1];
  return stated === undefined ? undefined : (/^\$(.+)\$$/u.exec(stated)?.[1] ?? stated);
}

/** A bare answer, as data sets give the truth. */
function onlyLine(text: string): string | undefined {
  const line = text.trim();
  return line.includes('\n') ? undefined : line;
}
