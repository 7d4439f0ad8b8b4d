/** @file GINC's documents: long walks, each through a concept drawn from the known ones, and its words. */
import { parameterSeed, Walker, type Ginc } from './concepts.js';
import { NumpyRandom } from './numpy-random.js';

/**
 * What the documents are made of. As published:
 *
 * - `concepts`: each is one walk through one known concept;
 * - `first-concept`: all are of the first one (no_prior_slots);
 * - `random-words`: there is nothing to learn (random_data).
 *
 * And of our own:
 *
 * - `segments`: each is of one known concept, in segments as prompts have them: of 3, 5, 8 or 10 words (the same in a
 *   document), beginning at any value and slot but the delimiter's, a delimiter between them: what prompts look like.
 */
export const documentSources = ['concepts', 'first-concept', 'random-words', 'segments'] as const;
export type DocumentSource = (typeof documentSources)[number];

/** How many documents of how many words the published code draws: for training, then for validation. */
export const published = {
  training: { documents: 1000, words: 10_240 },
  validation: { documents: 100, words: 1024 },
} as const;

/** Those of the published prompts. */
const segmentLengths = [3, 5, 8, 10];

export interface Document {
  /** Of the known concepts. */
  readonly concept: number;
  readonly symbols: readonly number[];
}

/**
 * Documents in the order of the published code. Seed 0 draws on where the parameters ended, so that its first
 * documents are the published ones; other seeds draw others of the same kind.
 *
 * @param ginc fresh parameters: their random numbers are used up
 */
export function* drawDocuments(
  ginc: Ginc,
  { count, words, source, seed }: { count: number; words: number; source: DocumentSource; seed: number },
): Generator<Document> {
  const random = seed === 0 ? ginc.random : new NumpyRandom([parameterSeed, seed]);
  const concepts = source === 'first-concept' ? ginc.known.slice(0, 1) : ginc.known;
  const walkers = concepts.map((concept) => new Walker(concept));
  for (let index = 0; index < count; index++) {
    const concept = random.integer(0, concepts.length);
    yield { concept, symbols: symbolsOf(ginc, walkers[concept] as Walker, words, source, random) };
  }
}

function symbolsOf(
  ginc: Ginc,
  walker: Walker,
  words: number,
  source: DocumentSource,
  random: NumpyRandom,
): number[] {
  const { symbols, values, slots } = ginc.settings;
  if (source === 'random-words') {
    const drawn = random.integers(0, symbols, words);
    random.integers(0, values * slots, words); // the published code draws states for them as well
    return drawn;
  }
  if (source === 'segments') {
    const length = segmentLengths[random.integer(0, segmentLengths.length)] as number;
    const said: number[] = [];
    while (said.length < words) {
      const first = random.integer(0, values) * slots + random.integer(1, slots);
      said.push(...walker.walk(first, length, random).map((state) => symbolOf(ginc, state)), 0);
    }
    return said.slice(0, words);
  }
  return walker.sample(words, random).map((state) => symbolOf(ginc, state));
}

/** What a state says. */
export function symbolOf({ memory, settings: { slots } }: Ginc, state: number): number {
  return (memory[Math.floor(state / slots)] as readonly number[])[state % slots] as number;
}

/** The words of the published vocabulary: the delimiter, then a, …, z, ab, ac, …, az, ba, … (no letter twice). */
export function vocabularyOf(symbols: number): string[] {
  const letters = [...'abcdefghijklmnopqrstuvwxyz'];
  const words = ['/', ...letters];
  let longest = letters;
  while (words.length < symbols) {
    longest = longest.flatMap((word) => letters.filter((l) => !word.includes(l)).map((l) => word + l));
    words.push(...longest);
  }
  return words.slice(0, symbols);
}
