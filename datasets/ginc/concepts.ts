/** @file GINC's parameters: a memory of values and slots, and the concepts, each a hidden Markov model over it. */
import { choiceTable, cumulative, firstAbove, NumpyRandom, pairwiseSum } from './numpy-random.js';

/** What the published generator can be told (Xie et al. 2022, arXiv 2111.02080, appendix F), with its names in brackets. */
export interface GincSettings {
  /** Words, the delimiter included (n_symbols). */
  readonly symbols: number;
  /** Entities (n_values). */
  readonly values: number;
  /** Properties (n_slots); slot 0 is the delimiter's. */
  readonly slots: number;
  /** All concepts (n_hmms): the first half makes the documents, the second half is seen by no model. */
  readonly concepts: number;
  /** Of the transitions' softmax (transition_temp). */
  readonly transitionTemperature: number;
  /** Of the first state's softmax (start_temp). */
  readonly startTemperature: number;
  /** Share of the identity in the transitions between values (value_identity_coeff). */
  readonly valueIdentity: number;
  /** Whether each concept has value transitions of its own (prior_values). */
  readonly valuesByConcept: boolean;
}

/** A square matrix, row by row. */
export type Matrix = readonly (readonly number[])[];

/** A hidden Markov model whose state is value × slots + slot. */
export interface Concept {
  /** Probability of the first state. */
  readonly start: Float64Array;
  /** From slot to slot: what sets concepts apart. */
  readonly slots: Matrix;
  /** From value to value. */
  readonly values: Matrix;
}

export interface Ginc {
  readonly settings: GincSettings;
  /** [value][slot] → symbol; column 0 holds the delimiter, 0. */
  readonly memory: readonly (readonly number[])[];
  /** Those that documents are drawn from: in distribution. */
  readonly known: readonly Concept[];
  /** Those that only prompts are drawn from: out of distribution. */
  readonly unknown: readonly Concept[];
  /** The generator's random numbers as the parameters leave them: the documents go on from here. */
  readonly random: NumpyRandom;
}

/** The published seeds: of parameters and documents, and of value transitions and prompts. */
export const [parameterSeed, promptSeed] = [1111, 1114];

/** Draws the parameters as the published generate_data.py does, draw for draw. */
export function drawGinc(settings: GincSettings): Ginc {
  const { symbols, values, slots, concepts } = settings;
  const random = new NumpyRandom(parameterSeed);
  const memory = Array.from({ length: values }, () => random.integers(1, symbols, slots));
  for (const row of memory) row[0] = 0;
  const drawn = Array.from({ length: concepts }, () => drawConcept(settings, random));
  const half = Math.floor(concepts / 2);
  return { settings, memory, known: drawn.slice(0, half), unknown: drawn.slice(half), random };
}

function drawConcept(settings: GincSettings, random: NumpyRandom): Concept {
  const { values, slots, transitionTemperature } = settings;
  const start = softmax(uniforms(random, values * slots), settings.startTemperature);
  const slotBlock = drawBlock(slots, transitionTemperature, random);
  // Value transitions are the same for all concepts, because they are drawn anew from the same seed each time.
  const ofValues = settings.valuesByConcept ? random : new NumpyRandom(promptSeed);
  const valueBlock = drawBlock(values, transitionTemperature, ofValues);
  const identity = settings.valueIdentity;
  const mixed = valueBlock.map((row, i) =>
    row.map((p, j) => (1 - identity) * p + identity * (i === j ? 1 : 0)),
  );
  return { start, slots: slotBlock, values: mixed };
}

/** A mixture of as many permutation matrices as there are rows: doubly stochastic, and sparse where one weighs much. */
function drawBlock(size: number, temperature: number, random: NumpyRandom): number[][] {
  const mixing = softmax(uniforms(random, size), temperature);
  const block = Array.from({ length: size }, () => new Array<number>(size).fill(0));
  for (const weight of mixing) {
    random.permutation(size).forEach((to, from) => {
      const row = block[from] as number[];
      row[to] = (row[to] as number) + weight;
    });
  }
  return block;
}

/** Numbers in [−½, ½). */
function uniforms(random: NumpyRandom, count: number): Float64Array {
  return Float64Array.from({ length: count }, () => random.random() - 0.5);
}

function softmax(values: Float64Array, temperature: number): Float64Array {
  const scaled = values.map((value) => value / temperature);
  const most = scaled.reduce((a, b) => Math.max(a, b));
  const powers = scaled.map((value) => Math.exp(value - most));
  const sum = pairwiseSum(powers);
  return powers.map((power) => power / sum);
}

/** The most states whose transitions are kept as one table: 1024² numbers are 8 MiB. */
const mostStates = 1024;

/** Draws walks through a concept's states, in the two ways in which the published code does. */
export class Walker {
  readonly #concept: Concept;
  readonly #slots: number;
  readonly #start: Float64Array;
  readonly #cumulative: Float64Array[] = [];
  readonly #choice: Float64Array[] = [];

  constructor(concept: Concept) {
    const states = concept.start.length;
    if (states > mostStates)
      throw new RangeError(`${states} states (values × slots) are more than ${mostStates}`);
    this.#concept = concept;
    this.#slots = concept.slots.length;
    this.#start = cumulative(concept.start);
  }

  /** As hmmlearn 0.2.5 samples: two uniform numbers a step, the second for the emission, which is certain. */
  sample(length: number, random: NumpyRandom): number[] {
    const states: number[] = [];
    let table = this.#start;
    for (let step = 0; step < length; step++) {
      const found = firstAboveOrFirst(table, random.random());
      random.skip(2);
      states.push(found);
      table = this.#cumulative[found] ??= cumulative(this.#row(found));
    }
    return states;
  }

  /** `length` states from `state` on, itself the first: one `np.random.choice` for each of the others. */
  walk(state: number, length: number, random: NumpyRandom): number[] {
    const states = [state];
    for (let at = state; states.length < length; states.push(at)) {
      const table = (this.#choice[at] ??= choiceTable(this.#row(at)));
      at = random.choice(table);
    }
    return states;
  }

  /** Transitions out of a state: the Kronecker product of value and slot transitions. */
  #row(state: number): Float64Array {
    const { slots, values } = this.#concept;
    const fromSlot = slots[state % this.#slots] as readonly number[];
    const fromValue = values[Math.floor(state / this.#slots)] as readonly number[];
    return Float64Array.from(fromValue.flatMap((value) => fromSlot.map((slot) => slot * value)));
  }
}

/** hmmlearn's `(table > value).argmax()`: the first entry where, by rounding, none is above. */
function firstAboveOrFirst(table: Float64Array, value: number): number {
  const found = firstAbove(table, value);
  return found === table.length ? 0 : found;
}
