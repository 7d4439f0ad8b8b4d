/** @file GINC's prompts: independent examples of one concept behind one another, the last one without its last word. */
import { promptSeed, Walker, type Ginc } from './concepts.js';
import { symbolOf } from './documents.js';
import { NumpyRandom } from './numpy-random.js';
import { likeliest, Listener, startInAnyState, startInSlot } from './oracle.js';

export interface Prompt {
  /** Counted over the known concepts, then the unknown ones. */
  readonly concept: number;
  /** Where every example begins; null out of distribution, where slots are drawn one by one. */
  readonly startSlot: number | null;
  /** `examples` times `length` symbols and a delimiter, then `length` − 1 symbols. */
  readonly symbols: readonly number[];
  /** The symbol that the concept most probably goes on with after the last `length` − 1. */
  readonly label: number;
  /** Whether the concept can say those at all. Out of distribution it mostly cannot; the label is then the delimiter. */
  readonly possible: boolean;
}

export interface PromptRequest {
  /** Whether prompts are drawn from the known concepts (ID_sample) or from the others (OOD_sample). */
  readonly inDistribution: boolean;
  /** Words of an example, its answer included. */
  readonly length: number;
  /** Examples before the question. */
  readonly examples: number;
}

/**
 * The prompts that were published, in the order of their drawing: so many of every kind, unless they get too long. The
 * files shipped beside the code begin with length 2, which the code left out later on (and so draws others today).
 */
export const publishedPrompts = {
  lengths: [2, 3, 5, 8, 10],
  examples: [0, 1, 2, 4, 8, 16, 32, 64, 128, 256],
  each: 2500,
  longest: 1024,
} as const;

/**
 * Prompts of one kind. With seed 0 the kinds that were published are the published prompts; every other kind and seed
 * has random numbers of its own.
 */
export function* drawPrompts(ginc: Ginc, request: PromptRequest, seed: number): Generator<Prompt> {
  const { inDistribution, length, examples } = request;
  const source = new PromptSource(ginc);
  const listener = new Listener(ginc);
  const before = seed === 0 ? publishedBefore(request) : undefined;
  const random =
    before === undefined
      ? new NumpyRandom([promptSeed, seed, length, examples, inDistribution ? 1 : 0])
      : new NumpyRandom(promptSeed);
  for (const kind of before ?? []) for (let i = 0; i < publishedPrompts.each; i++) source.pass(kind, random);
  for (;;) {
    const drawn = source.draw(request, random);
    const asked = { ...drawn, symbols: drawn.symbols.slice(1 - length) };
    yield { ...drawn, ...rightAnswer(ginc, listener, asked) };
  }
}

/** The kinds that were drawn before one from the same random numbers; undefined where it was not published. */
function publishedBefore(wanted: PromptRequest): PromptRequest[] | undefined {
  const before: PromptRequest[] = [];
  for (const length of publishedPrompts.lengths) {
    for (const inDistribution of [true, false]) {
      for (const examples of publishedPrompts.examples) {
        if ((length + 1) * examples > publishedPrompts.longest) continue;
        const kind = { inDistribution, length, examples };
        if (Object.entries(kind).every(([name, value]) => wanted[name as keyof PromptRequest] === value))
          return before;
        before.push(kind);
      }
    }
  }
  return undefined;
}

class PromptSource {
  readonly #ginc: Ginc;
  readonly #walkers: readonly Walker[];

  constructor(ginc: Ginc) {
    this.#ginc = ginc;
    this.#walkers = [...ginc.known, ...ginc.unknown].map((concept) => new Walker(concept));
  }

  draw(request: PromptRequest, random: NumpyRandom): Question {
    return request.inDistribution ? this.#drawKnown(request, random) : this.#drawUnknown(request, random);
  }

  /** Draws what {@link draw} would, and forgets it. */
  pass({ inDistribution, length, examples }: PromptRequest, random: NumpyRandom): void {
    const { known, unknown, settings } = this.#ginc;
    random.integer(0, (inDistribution ? known : unknown).length);
    if (inDistribution) random.integer(1, settings.slots);
    for (let index = 0; index <= examples; index++) {
      for (let word = 0; !inDistribution && word < length; word++) random.integer(1, settings.slots);
      random.integer(0, settings.values);
      if (inDistribution) random.skip(2 * (length - 1)); // one uniform number of two words for each transition
    }
  }

  /** Examples walk through the concept from a slot that is the prompt's and a value of their own. */
  #drawKnown({ length, examples }: PromptRequest, random: NumpyRandom): Question {
    const { known, settings } = this.#ginc;
    const concept = random.integer(0, known.length);
    const startSlot = random.integer(1, settings.slots);
    const symbols: number[] = [];
    for (let index = 0; index <= examples; index++) {
      const first = random.integer(0, settings.values) * settings.slots + startSlot;
      const states = (this.#walkers[concept] as Walker).walk(first, length, random);
      symbols.push(...states.map((state) => symbolOf(this.#ginc, state)), 0);
    }
    return { concept, startSlot, symbols: symbols.slice(0, -2) };
  }

  /** Examples are slots at random of one value each: what follows what is no concept's. */
  #drawUnknown({ length, examples }: PromptRequest, random: NumpyRandom): Question {
    const { known, unknown, settings } = this.#ginc;
    const concept = random.integer(0, unknown.length);
    const symbols: number[] = [];
    for (let index = 0; index <= examples; index++) {
      const slots = random.integers(1, settings.slots, length);
      const value = random.integer(0, settings.values);
      symbols.push(...slots.map((slot) => symbolOf(this.#ginc, value * settings.slots + slot)), 0);
    }
    return { concept: known.length + concept, startSlot: null, symbols: symbols.slice(0, -2) };
  }
}

/** What is asked: the last words of a prompt, and who may have said them. */
export interface Question {
  /** Counted over the known concepts, then the unknown ones. */
  readonly concept: number;
  /** Where the question begins; null: anywhere, the delimiters included. */
  readonly startSlot: number | null;
  readonly symbols: readonly number[];
}

/** The published label: what the concept most probably says next, where slot and concept are known, but no value is. */
export function rightAnswer(
  ginc: Ginc,
  listener: Listener,
  { concept, startSlot, symbols }: Question,
): Pick<Prompt, 'label' | 'possible'> {
  const { known, unknown } = ginc;
  const speaker = concept < known.length ? known[concept] : unknown[concept - known.length];
  if (speaker === undefined) throw new RangeError(`there is no concept ${concept}`);
  const start = startSlot === null ? startInAnyState(ginc) : startInSlot(ginc, startSlot);
  const { logLikelihood, next } = listener.hear(speaker, symbols, start);
  // The published code takes the argmax of NaN where a question is impossible: 0, the delimiter.
  return { label: likeliest(next), possible: logLikelihood > -Infinity };
}
