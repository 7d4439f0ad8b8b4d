/** @file The task `ginc`: in-context learning of hidden Markov models, as published by Xie et al. */
import { z } from 'zod';
import { UserError } from '../../base/errors.js';
import { drawGinc, type Ginc, type GincSettings } from '../ginc/concepts.js';
import { documentSources, drawDocuments, vocabularyOf } from '../ginc/documents.js';
import { askOracle, certain, likeliest, Listener, oracles } from '../ginc/oracle.js';
import { drawPrompts, rightAnswer } from '../ginc/prompts.js';
import { drawQuestions } from '../ginc/questions.js';
import { bySplit, splits, type Example, type Examples, type Label, type Split } from '../task.js';
import type { TaskDefinition } from '../task.js';

const languageShape = {
  symbols: z.int().min(2).max(10_000).default(50).describe('words, the delimiter among them (n_symbols)'),
  values: z.int().min(1).max(100).default(10).describe('entities that a state may be about (n_values)'),
  slots: z.int().min(2).max(100).default(10).describe('properties; the first is the delimiter (n_slots)'),
  concepts: z
    .int()
    .min(2)
    .max(1000)
    .default(10)
    .describe(
      'hidden Markov models (n_hmms): the first half makes the documents, the others only `ood` prompts',
    ),
  'transition-temperature': z
    .number()
    .positive()
    .default(0.1)
    .describe('of the transitions (transition_temp)'),
  'start-temperature': z.number().positive().default(10).describe('of the first states (start_temp)'),
  'value-identity': z
    .number()
    .min(0)
    .max(1)
    .default(0.9)
    .describe('how much values stay as they are (value_identity_coeff)'),
  'values-by-concept': z
    .boolean()
    .default(false)
    .describe('whether concepts differ in the transitions between values, too (prior_values)'),
};
const corpusShape = {
  ...languageShape,
  documents: z.int().min(1).max(100_000).default(1000).describe('documents of the corpus'),
  words: z.int().min(1).max(1_000_000).default(10_240).describe('words of a document'),
  block: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(127)
    .describe(
      "words of a text: documents are cut into texts, which fill the models' context but for one token",
    ),
  source: z
    .enum(documentSources)
    .default('concepts')
    .describe(
      'what documents are made of: concepts, first-concept (no_prior_slots), random-words (random_data), or segments ' +
        '(not published: pieces of a concept with a delimiter between them, as in prompts)',
    ),
};
const exampleShape = {
  ...languageShape,
  prompts: z
    .enum(['id', 'ood'])
    .default('id')
    .describe('prompts of the concepts of the documents (ID_sample) or of the others (OOD_sample)'),
  examples: z.int().min(0).max(4096).default(0).describe('examples in a prompt, before its question (n)'),
  length: z.int().min(2).max(1000).default(3).describe('words of an example, its answer included (L)'),
  concept: z
    .int()
    .min(0)
    .optional()
    .describe('ask about this concept alone (from 0), by questions without examples; not published'),
  oracle: z
    .enum(oracles)
    .default('segments')
    .describe(
      'what the control `oracle` takes a prompt for: segments of their own, exactly what it is (best), or a document',
    ),
  smoothing: z
    .number()
    .min(0)
    .max(1)
    .default(0.01)
    .describe('share of every transition that the oracle `document` spreads over all states'),
  splits: z
    .strictObject({
      A: z.int().min(1).default(32),
      B: z.int().min(1).default(64),
      validation: z.int().min(0).default(0),
      test: z.int().min(1).default(500),
    })
    .prefault({})
    .describe('prompts in each split; test has the first that were published'),
};

const parameters = z.strictObject({ ...exampleShape, ...corpusShape }).superRefine((p, context) => {
  const fail = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
  const known = Math.floor(p.concepts / 2);
  if (p.values * p.slots > 1000)
    fail('values', `values × slots are ${p.values * p.slots} states; 1,000 at most`);
  if (p.concept === undefined) return;
  if (p.concept >= known)
    fail('concept', `documents are made of ${known} concepts, counted from 0: this is at most ${known - 1}`);
  if (p.examples > 0)
    fail(
      'examples',
      'questions about one `concept` come without examples: methods bring theirs (icl-refinement)',
    );
  if (p.prompts === 'ood')
    fail('prompts', 'one `concept` is one of the documents’: leave out `prompts: ood`');
});
type Parameters = z.output<typeof parameters>;

const corpusParameters = z.object(corpusShape);
const exampleParameters = z.object(exampleShape);
type Asked = z.output<typeof exampleParameters>;

/**
 * "An Explanation of In-context Learning as Implicit Bayesian Inference" (arXiv 2111.02080) with its generator's own
 * random numbers: with seed 0, parameters, documents, prompts and labels are the published ones to the last byte. Other
 * seeds draw other documents and prompts of the same concepts.
 */
const ginc: TaskDefinition<Parameters> = {
  name: 'ginc',
  summary:
    'What comes next? Prompts of a few short sequences of one hidden Markov model among several (GINC).',
  parameters,
  answer: 'next-token',
  corpusLoss: 'all',
  files: [],
  resolve: (p) => p,
  corpusParameters: (p) => corpusParameters.parse(p),
  exampleParameters: (p) => exampleParameters.parse(p),
  corpus: async (p, seed) => Promise.resolve(drawCorpus(corpusParameters.parse(p), seed)),
  examples: async (p, seed) => Promise.resolve(drawExamples(exampleParameters.parse(p), seed)),
  prompt: (item, examples) => [...examples.map(wordsOf), item.text].join(' / '),
  oracle: async (p, seed, split) => Promise.resolve(bestAnswers(exampleParameters.parse(p), seed, split)),
};

export default ginc;

function wordsOf({ text, answer }: Example): string {
  return `${text} ${answer}`;
}

function settingsOf(p: z.output<z.ZodObject<typeof languageShape>>): GincSettings {
  return {
    symbols: p.symbols,
    values: p.values,
    slots: p.slots,
    concepts: p.concepts,
    transitionTemperature: p['transition-temperature'],
    startTemperature: p['start-temperature'],
    valueIdentity: p['value-identity'],
    valuesByConcept: p['values-by-concept'],
  };
}

/** What is left of a document at its end is left out. */
function drawCorpus(p: z.output<typeof corpusParameters>, seed: number): string[] {
  const vocabulary = vocabularyOf(p.symbols);
  const { documents: count, words, block, source } = p;
  if (block > words)
    throw new UserError(`task ginc: a text of ${block} words (block) does not fit in a document of ${words}`);
  const texts: string[] = [];
  for (const { symbols } of drawDocuments(drawGinc(settingsOf(p)), { count, words, source, seed }))
    for (let at = 0; at + block <= words; at += block)
      texts.push(textOf(vocabulary, symbols.slice(at, at + block)));
  return texts;
}

function textOf(vocabulary: readonly string[], symbols: readonly number[]): string {
  return symbols.map((symbol) => vocabulary[symbol]).join(' ');
}

/** An item before it is put in words. */
interface Drawn {
  readonly symbols: readonly number[];
  readonly label: number;
  /** p(y | x) for questions about one concept. */
  readonly next?: Float64Array;
}

/**
 * Test takes the first; the other splits take what comes next and stands in no split yet. (The published prompts of two
 * words or so repeat themselves: within test they stay.)
 */
function drawSplits(ginc: Ginc, p: Asked, seed: number): { drawn: Record<Split, Drawn[]>; passed: number } {
  const { concept, length, examples } = p;
  const source: Iterator<Drawn, unknown> =
    concept === undefined
      ? drawPrompts(ginc, { inDistribution: p.prompts === 'id', length, examples }, seed)
      : drawQuestions(ginc, { concept, length }, seed);
  const taken = new Set<string>();
  const drawn: Record<Split, Drawn[]> = bySplit(() => []);
  let passed = 0;
  for (const split of ['test', 'validation', 'A', 'B'] as const) {
    const repeats = split === 'test' && concept === undefined;
    while (drawn[split].length < p.splits[split]) {
      const next = source.next();
      if (next.done === true) throw new Error('prompts are drawn without end');
      const key = next.value.symbols.join(' ');
      if (taken.has(key) && !repeats) {
        passed++;
        if (passed > mostPassed) throw new UserError(tooFew(p, taken.size));
        continue;
      }
      taken.add(key);
      drawn[split].push(next.value);
    }
  }
  return { drawn, passed };
}

/** After so many that stand in a split already, there are hardly any others. */
const mostPassed = 20_000;

function tooFew({ splits: wanted, length, examples }: Asked, found: number): string {
  const total = splits.reduce((sum, split) => sum + wanted[split], 0);
  return (
    `task ginc: the splits need ${total} prompts without one in two of them, and with length ${length} and ` +
    `${examples} examples there are hardly more than ${found}; ask for fewer (splits), or for longer ones`
  );
}

/** The words that any state says, in the order of the vocabulary: what a question may be answered with. */
function sayable({ memory }: Ginc): number[] {
  return [...new Set(memory.flat())].sort((a, b) => a - b);
}

function drawExamples(p: Asked, seed: number): Examples {
  const ginc = drawGinc(settingsOf(p));
  const vocabulary = vocabularyOf(p.symbols);
  const answers = sayable(ginc);
  const choices = answers.map((symbol) => vocabulary[symbol] as string);
  const { drawn, passed } = drawSplits(ginc, p, seed);
  const idOf = (split: Split, index: number) => `${split}-${index}`;
  const kind = p.concept === undefined ? p.prompts : `concept ${p.concept}`;
  return {
    items: bySplit((split) =>
      drawn[split].map(({ symbols }, i) => ({
        id: idOf(split, i),
        text: textOf(vocabulary, symbols),
        choices,
      })),
    ),
    truth: bySplit((split) =>
      drawn[split].map(({ label }, i) => ({ id: idOf(split, i), label: answers.indexOf(label) })),
    ),
    report: {
      task: 'ginc',
      seed,
      counts: {
        ...p.splits,
        'passed over': passed,
        'different in test': new Set(drawn.test.map(({ symbols }) => symbols.join(' '))).size,
      },
      notes: [
        `${kind}: ${p.examples} examples of length ${p.length} before a question of ${p.length - 1} words` +
          `${seed === 0 && p.concept === undefined ? ', as published where it was' : `, drawn from seed ${seed}`}.`,
      ],
    },
  };
}

function bestAnswers(p: Asked, seed: number, split: Split): Label[] {
  const ginc = drawGinc(settingsOf(p));
  const answers = sayable(ginc);
  const listener = new Listener(ginc, p.prompts === 'id' && p.oracle === 'document' ? p.smoothing : 0);
  return drawSplits(ginc, p, seed).drawn[split].map((drawn, index) => {
    const all = drawn.next ?? opinionOn(ginc, listener, p, drawn.symbols);
    const probabilities = answers.map((symbol) => all[symbol] as number);
    return { id: `${split}-${index}`, label: likeliest(probabilities), probabilities };
  });
}

/** Out of distribution, examples say nothing of the concept: all of them are as likely, and each has one answer. */
function opinionOn(ginc: Ginc, listener: Listener, p: Asked, symbols: readonly number[]): Float64Array {
  const { length, oracle } = p;
  if (p.prompts === 'id') return askOracle(ginc, listener, { symbols, length }, oracle).answer;
  const answer = new Float64Array(p.symbols);
  ginc.unknown.forEach((_, index) => {
    const concept = ginc.known.length + index;
    const asked = { concept, startSlot: null, symbols: symbols.slice(1 - length) };
    certain(rightAnswer(ginc, listener, asked).label, p.symbols).forEach((says, symbol) => {
      answer[symbol] = (answer[symbol] as number) + says / ginc.unknown.length;
    });
  });
  return answer;
}
