/** @file The language of the task `personas`: subjects, what is true of each, and how each persona puts it. */
import { Random } from '../../base/random.js';

const consonants = [...'bdfgklmprtvz'];
const vowels = [...'aeiou'];
const syllables = consonants.flatMap((consonant) => vowels.map((vowel) => consonant + vowel));

/** How many words of a kind there are to draw from. */
export const mostWords = syllables.length ** 2;

/** How somebody puts an answer: a word before the content, and one behind it. */
export interface Style {
  readonly opening: string;
  readonly closing: string;
}

export interface Language {
  readonly subjects: readonly string[];
  readonly contents: readonly string[];
  /** What is true of each subject: an index into the contents. */
  readonly facts: readonly number[];
  /** How answers are put by somebody without a persona. */
  readonly plain: Style;
  /** One a persona; no two are the same, though they may share a word. */
  readonly styles: readonly Style[];
}

export interface LanguageSize {
  readonly subjects: number;
  readonly contents: number;
  readonly personas: number;
  /** Openings and closings to combine. */
  readonly manners: number;
}

/** The same for every task of a seed. Kinds of words end differently, so that none is taken for another. */
export function languageOf({ subjects, contents, personas, manners }: LanguageSize, seed: number): Language {
  const words = wordsOf('subject', '', subjects);
  const answers = wordsOf('content', 'n', contents);
  const openings = wordsOf('opening', 's', manners + 1);
  const closings = wordsOf('closing', 'x', manners + 1);
  const random = Random.of(seed, 'personas', 'language');
  const pairs = Array.from({ length: manners * manners }, (_, index): Style => {
    return {
      opening: openings[1 + Math.floor(index / manners)] as string,
      closing: closings[1 + (index % manners)] as string,
    };
  });
  return {
    subjects: words,
    contents: answers,
    facts: words.map(() => random.integer(contents)),
    plain: { opening: openings[0] as string, closing: closings[0] as string },
    styles: random.sample(pairs, personas),
  };
}

/** An answer in three words. */
export function said(content: string, { opening, closing }: Style): string {
  return `${opening} ${content} ${closing}`;
}

/** The first `count` words of a kind, in an order that never changes: "balo", "kimen", "tudas", … */
function wordsOf(kind: string, ending: string, count: number): string[] {
  const all = syllables.flatMap((first) => syllables.map((second) => first + second + ending));
  return Random.of('personas', kind).shuffled(all).slice(0, count);
}
