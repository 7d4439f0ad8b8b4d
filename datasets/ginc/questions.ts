/** @file Questions about one concept of GINC: single examples, x → y, for supervisors and students of that concept. */
import { promptSeed, Walker, type Ginc } from './concepts.js';
import { symbolOf } from './documents.js';
import { NumpyRandom } from './numpy-random.js';
import { likeliest, Listener, startAnywhere } from './oracle.js';

export interface ConceptQuestion {
  /** `length` − 1 of them. */
  readonly symbols: readonly number[];
  /** argmax p(y | x, the concept): the right answer of the theory's hidden Markov model form (arXiv 2405.16236). */
  readonly label: number;
  /** p(y | x, the concept), one a symbol. */
  readonly next: Float64Array;
}

/** Questions that begin at any value and slot but the delimiter's: none of them was published. */
export function* drawQuestions(
  ginc: Ginc,
  { concept, length }: { concept: number; length: number },
  seed: number,
): Generator<ConceptQuestion> {
  const speaker = ginc.known[concept];
  if (speaker === undefined)
    throw new RangeError(`there is no concept ${concept} among ${ginc.known.length}`);
  const { values, slots } = ginc.settings;
  const random = new NumpyRandom([promptSeed, seed, length, concept, 2]);
  const [walker, listener, start] = [new Walker(speaker), new Listener(ginc), startAnywhere(ginc)];
  for (;;) {
    const first = random.integer(0, values) * slots + random.integer(1, slots);
    const symbols = walker.walk(first, length - 1, random).map((state) => symbolOf(ginc, state));
    const { next } = listener.hear(speaker, symbols, start);
    yield { symbols, label: likeliest(next), next };
  }
}
