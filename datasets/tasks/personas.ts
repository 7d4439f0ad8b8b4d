/** @file The task `personas`: questions about a drawn world, to be answered in words and in one persona's style. */
import { z } from 'zod';
import { Random } from '../../base/random.js';
import { type Language, languageOf, mostWords, said } from '../personas/language.js';
import { asked, conversation, improved, inferred, responded } from '../personas/wording.js';
import { bySplit, splits, type Example, type Examples, type Grade, type TaskDefinition } from '../task.js';

const languageShape = {
  personas: z.int().min(1).max(4096).default(8).describe('how many personas the corpus has'),
  manners: z
    .int()
    .min(1)
    .max(64)
    .default(4)
    .describe('openings, and closings, that personas combine: at most manners² personas'),
  subjects: z.int().min(4).max(mostWords).default(256).describe('what can be asked about'),
  contents: z
    .int()
    .min(2)
    .max(mostWords)
    .default(32)
    .describe('what can be true of a subject: one of so many words'),
};
const corpusShape = {
  ...languageShape,
  conversation: z.int().min(1).max(64).default(6).describe('questions in a document at most'),
  plain: z
    .number()
    .min(0)
    .max(1)
    .default(0.6)
    .describe('share of conversations that are nobody’s: answers without a persona'),
  documents: z.int().min(1).max(2_000_000).default(64_000).describe('documents in the corpus'),
};
const exampleShape = {
  ...languageShape,
  persona: z.int().min(0).default(0).describe('whose style is asked for, counted from 0'),
  splits: z
    .strictObject({
      A: z.int().min(1).default(64),
      B: z.int().min(1).default(96),
      validation: z.int().min(0).default(0),
      test: z.int().min(1).default(96),
    })
    .prefault({})
    .describe('subjects in each split'),
};

const parameters = z.strictObject({ ...exampleShape, ...corpusShape }).superRefine((p, context) => {
  const fail = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
  const needed = splits.reduce((sum, split) => sum + p.splits[split], 0);
  if (p.personas > p.manners ** 2)
    fail('personas', `${p.manners} openings and as many closings give ${p.manners ** 2} styles at most`);
  if (p.persona >= p.personas)
    fail('persona', `personas are counted from 0, so this is at most ${p.personas - 1}`);
  if (p.conversation > p.subjects)
    fail('conversation', `a document asks about different subjects, and there are ${p.subjects}`);
  if (needed > p.subjects) fail('splits', `the splits need ${needed} subjects, and there are ${p.subjects}`);
});
type Parameters = z.output<typeof parameters>;

const corpusParameters = z.object(corpusShape);
const exampleParameters = z.object(exampleShape);

/**
 * The persona experiment of 2405.16236 (section 5) in miniature. Each subject has one true content word, and each
 * persona a style: a word before the content and one behind it. The corpus teaches, each in its share of documents:
 * conversations in one style, saying which style examples share, answering in a stated style, improving an answer.
 * All facts are in it, those of the test split too: what a strong model knows, and a weak one learnt too little of.
 */
const personas: TaskDefinition<Parameters> = {
  name: 'personas',
  summary:
    "A generated world: answer in words, with what is true (content) and in one persona's way (style).",
  parameters,
  answer: 'text',
  corpusLoss: 'all',
  files: [],
  answerTokens: 6,
  answerStops: ['Question:', 'The used style is:'],
  resolve: (p) => p,
  corpusParameters: (p) => corpusParameters.parse(p),
  exampleParameters: (p) => exampleParameters.parse(p),
  corpus: async (p, seed) => Promise.resolve(drawCorpus(corpusParameters.parse(p), seed)),
  examples: async (p, seed) => Promise.resolve(drawExamples(exampleParameters.parse(p), seed)),
  prompt: (item, examples) => asked(item.text, examples),
  grade,
};
export default personas;

/** Shares of documents that are not conversations. */
const shares = { inferred: 0.15, responded: 0.2, improved: 0.2 };
/** Of the answers that are improved, so many are wrong. */
const wrongShare = 0.7;

function drawCorpus(p: z.output<typeof corpusParameters>, seed: number): string[] {
  const language = languageOf(p, seed);
  const random = Random.of(seed, 'personas', 'corpus');
  const indices = language.subjects.map((_, index) => index);
  const truth = (subject: number): string => language.contents[language.facts[subject] as number] as string;
  return Array.from({ length: p.documents }, () => {
    const kind = random.uniform();
    const persona = language.styles[random.integer(p.personas)]!;
    const [first = 0] = random.sample(indices, 1);
    const subject = language.subjects[first] as string;
    if (kind < shares.improved) {
      const other = random.integer(p.contents);
      const given = random.uniform() < wrongShare ? (language.contents[other] as string) : truth(first);
      return improved(subject, given, truth(first), persona);
    }
    if (kind < shares.improved + shares.responded) return responded(subject, truth(first), persona);
    const infers = kind < shares.improved + shares.responded + shares.inferred;
    const style = !infers && random.uniform() < p.plain ? language.plain : persona;
    const examples = random.sample(indices, 1 + random.integer(p.conversation)).map((index): Example => ({
      text: language.subjects[index] as string,
      answer: said(truth(index), style),
    }));
    return infers ? inferred(examples, style) : conversation(examples);
  });
}

function drawExamples(p: z.output<typeof exampleParameters>, seed: number): Examples {
  const language: Language = languageOf(p, seed);
  const style = language.styles[p.persona];
  if (style === undefined) throw new RangeError(`there is no persona ${p.persona} among ${p.personas}`);
  const indices = language.subjects.map((_, index) => index);
  const order = Random.of(seed, 'personas', 'split', p.persona).shuffled(indices);
  let start = 0;
  const chosen = bySplit((split) => order.slice(start, (start += p.splits[split])));
  if (start > order.length)
    throw new RangeError(`the splits need ${start} subjects, and there are ${order.length}`);
  const subject = (index: number): string => language.subjects[index] as string;
  return {
    items: bySplit((split) =>
      chosen[split].map((index) => ({ id: subject(index), text: subject(index), choices: [] })),
    ),
    truth: bySplit((split) =>
      chosen[split].map((index) => ({
        id: subject(index),
        label: 0,
        answer: said(language.contents[language.facts[index] as number] as string, style),
      })),
    ),
    report: {
      task: 'personas',
      seed,
      counts: { personas: p.personas, subjects: p.subjects, ...p.splits, unused: p.subjects - start },
      notes: [`Persona ${p.persona} says "${style.opening} … ${style.closing}".`],
    },
  };
}

/** Right where both content and style are. Style is the first and the last word, content the one word between. */
function grade(answer: string, truth: string): Grade {
  const [given, right] = [answer, truth].map((text) => text.trim().split(/\s+/u)) as [string[], string[]];
  const content = Number(given.filter((word) => word === right[1]).length === 1 && contentsIn(given) === 1);
  const style = Number(given.length > 1 && given[0] === right[0] && given.at(-1) === right[2]);
  return { score: content * style, parts: { content, style } };
}

/** Content words end in "n", and nothing else does. Who says two has not answered. */
function contentsIn(words: readonly string[]): number {
  return words.filter((word) => word.endsWith('n')).length;
}
