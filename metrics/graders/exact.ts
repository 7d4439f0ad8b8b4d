/** @file The grader `exact`: the whole text, but for case, white space and punctuation at its ends. */
import { grader } from './grader.js';

export const exact = grader({
  name: 'exact',
  summary: 'The whole answer equals the right one, but for case, white space, and punctuation at the ends.',
  source: 'exact match as usual for short answers; articles and inner punctuation count, unlike in SQuAD',
  extract: (text) => {
    const normal = normalised(text);
    return normal === '' ? undefined : normal;
  },
  equal: (a, b) => a === b,
});

/** Lower case, NFKC (full-width and composed letters are one), one space between words, nothing around them. */
function normalised(text: string): string {
  return text
    .normalize('NFKC')
    .toLowerCase()
    .replace(/\s+/gu, ' ')
    .replace(/^[\s.,;:!?"'“”‘’]+|[\s.,;:!?"'“”‘’]+$/gu, '');
}
