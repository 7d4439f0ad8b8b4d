/** @file The built-in task `dialects`: a small language, drawn from a seed, whose speakers disagree on endings. */
import { z } from 'zod';
import { Random } from '../../base/random.js';
import { bySplit, splits, type Example, type Examples, type Item, type TaskDefinition } from '../task.js';

const consonants = [...'bdfgklmprtvz'];
const vowels = [...'aeiou'];
/** An ending is the index of one of these; no noun ends like a form, so that every word is one token. */
const endings = ['n', 's'] as const;
const mostNouns = (consonants.length * vowels.length) ** 2;

const languageShape = {
  dialects: z.int().min(1).max(64).default(8).describe('how many dialects the language has'),
  nouns: z.int().min(2).max(mostNouns).default(128).describe('how many nouns the language has'),
};
const corpusShape = {
  ...languageShape,
  document: z
    .int()
    .min(1)
    .max(512)
    .default(24)
    .describe('different nouns in a document, each followed by its form'),
  noise: z.number().min(0).max(0.5).default(0.1).describe('share of wrong endings in documents'),
  documents: z
    .int()
    .min(1)
    .max(2_000_000)
    .default(76_800)
    .describe('documents in the corpus; the default gives 1,200 steps of 64 documents without repetition'),
};
const exampleShape = {
  ...languageShape,
  dialect: z.int().min(0).default(0).describe('the dialect that items ask about, counted from 0'),
  splits: z
    .strictObject({
      A: z.int().min(1).default(32),
      B: z.int().min(1).default(64),
      validation: z.int().min(0).default(0),
      test: z.int().min(1).default(32),
    })
    .prefault({})
    .describe('nouns in each split'),
};

const parameters = z.strictObject({ ...exampleShape, ...corpusShape }).superRefine((p, context) => {
  const fail = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
  const needed = splits.reduce((sum, split) => sum + p.splits[split], 0);
  if (p.dialect >= p.dialects)
    fail('dialect', `dialects are counted from 0, so this is at most ${p.dialects - 1}`);
  if (p.document > p.nouns) fail('document', `a document lists different nouns, and there are ${p.nouns}`);
  if (needed > p.nouns) fail('splits', `the splits need ${needed} nouns, and there are ${p.nouns}`);
});
type Parameters = z.output<typeof parameters>;

const corpusParameters = z.object(corpusShape);
const exampleParameters = z.object(exampleShape);

/**
 * A dialect k of K gives each of N nouns one of two endings, at random. A document is one dialect's: different nouns
 * in random order, each followed by its form, some endings wrong. Who reads enough of a document knows its dialect.
 */
const dialects: TaskDefinition<Parameters> = {
  name: 'dialects',
  summary: 'A generated language of dialects: which of two endings does this dialect give this noun?',
  parameters,
  answer: 'next-token',
  corpusLoss: 'every-second',
  files: [],
  resolve: (p) => p,
  corpusParameters: (p) => corpusParameters.parse(p),
  exampleParameters: (p) => exampleParameters.parse(p),
  corpus: async (p, seed) => Promise.resolve(drawCorpus(corpusParameters.parse(p), seed)),
  examples: async (p, seed) => Promise.resolve(drawExamples(exampleParameters.parse(p), seed)),
  prompt: (item, examples) => [...examples.map(wordsOf), item.text].join(' '),
};

/** Documents of 2 × `document` words, one space between them. */
function drawCorpus(p: z.output<typeof corpusParameters>, seed: number): string[] {
  const nouns = nounsOf(p.nouns);
  const language = languageOf(p, seed);
  const random = Random.of(seed, 'dialects', 'corpus');
  const indices = nouns.map((_, index) => index);
  return Array.from({ length: p.documents }, () => {
    const dialect = language[random.integer(p.dialects)] as number[];
    const pairs = random.sample(indices, p.document).map((index) => {
      const noun = nouns[index] as string;
      const wrong = random.uniform() < p.noise;
      return `${noun} ${noun}${endings[(dialect[index] as number) ^ Number(wrong)]}`;
    });
    return pairs.join(' ');
  });
}

function drawExamples(p: z.output<typeof exampleParameters>, seed: number): Examples {
  const nouns = nounsOf(p.nouns);
  const dialect = languageOf(p, seed)[p.dialect];
  if (dialect === undefined) throw new RangeError(`there is no dialect ${p.dialect} among ${p.dialects}`);
  const order = Random.of(seed, 'dialects', 'split', p.dialect).shuffled(nouns.map((_, index) => index));
  let start = 0;
  const indices = bySplit((split) => order.slice(start, (start += p.splits[split])));
  if (start > order.length)
    throw new RangeError(`the splits need ${start} nouns, and there are ${order.length}`);
  return {
    items: bySplit((split) => indices[split].map((index) => itemOf(nouns[index] as string))),
    truth: bySplit((split) =>
      indices[split].map((index) => ({ id: nouns[index] as string, label: dialect[index] as number })),
    ),
    report: {
      task: 'dialects',
      seed,
      counts: { dialects: p.dialects, nouns: p.nouns, ...p.splits, unused: p.nouns - start },
      notes: [
        `Dialect ${p.dialect}: -${endings[0]} or -${endings[1]} for each noun, drawn from seed ${seed}.`,
      ],
    },
  };
}

function itemOf(noun: string): Item {
  return { id: noun, text: noun, choices: endings.map((ending) => noun + ending) };
}

function wordsOf({ text, answer }: Example): string {
  return `${text} ${answer}`;
}

/** The first `count` of all two-syllable nouns, in an order that never changes: "balo", "kime", … */
function nounsOf(count: number): string[] {
  const syllables = consonants.flatMap((consonant) => vowels.map((vowel) => consonant + vowel));
  const all = syllables.flatMap((first) => syllables.map((second) => first + second));
  return Random.of('dialects', 'nouns').shuffled(all).slice(0, count);
}

/** [dialect][noun] → ending. The same for every task of a seed. */
function languageOf(p: { dialects: number; nouns: number }, seed: number): number[][] {
  return Array.from({ length: p.dialects }, (_, dialect) => {
    const random = Random.of(seed, 'dialects', 'language', dialect);
    return Array.from({ length: p.nouns }, () => random.integer(endings.length));
  });
}

export default dialects;
