/** @file What can be known of a GINC prompt: exact filtering in one concept, and the Bayes oracle over all of them. */
import type { Concept, Ginc } from './concepts.js';

/** Probabilities of states, or whatever is proportional to them: [values × slots]. */
type Belief = Float64Array;

/** Any value, any slot but the delimiter's. */
export function startAnywhere({ settings: { values, slots } }: Ginc): Belief {
  const share = 1 / (values * (slots - 1));
  return Float64Array.from({ length: values * slots }, (_, state) => (state % slots === 0 ? 0 : share));
}

/** Any value, this slot. */
export function startInSlot({ settings: { values, slots } }: Ginc, slot: number): Belief {
  return Float64Array.from({ length: values * slots }, (_, state) =>
    state % slots === slot ? 1 / values : 0,
  );
}

/** Any state, the delimiters among them. */
export function startInAnyState({ settings: { values, slots } }: Ginc): Belief {
  return new Float64Array(values * slots).fill(1 / (values * slots));
}

export interface Heard {
  /** ln p(symbols); −∞ where the concept cannot say them. */
  readonly logLikelihood: number;
  /** p(next symbol | symbols), one a symbol; all zeros where the concept cannot say them. */
  readonly next: Float64Array;
}

/** Filters symbols through concepts of one memory. */
export class Listener {
  readonly #ginc: Ginc;
  readonly #smoothing: number;
  /** symbol → the states that say it */
  readonly #speakers: readonly (readonly number[])[];

  /** @param smoothing share of the transitions that goes to any state, each as likely */
  constructor(ginc: Ginc, smoothing = 0) {
    this.#ginc = ginc;
    this.#smoothing = smoothing;
    const { symbols, slots } = ginc.settings;
    const speakers = Array.from({ length: symbols }, (): number[] => []);
    ginc.memory.forEach((row, value) =>
      row.forEach((symbol, slot) => speakers[symbol]?.push(value * slots + slot)),
    );
    this.#speakers = speakers;
  }

  /** Hears symbols, of which there is at least one, that begin as `start` says. */
  hear(concept: Concept, symbols: readonly number[], start: Belief): Heard {
    const { symbols: count, slots } = this.#ginc.settings;
    let logLikelihood = 0;
    let active: { state: number; p: number }[] = [];
    for (const [place, symbol] of symbols.entries()) {
      const reached = (this.#speakers[symbol] ?? []).map((state) => ({
        state,
        p: place === 0 ? (start[state] as number) : this.#reach(concept, active, state),
      }));
      const total = reached.reduce((sum, { p }) => sum + p, 0);
      if (total === 0) return { logLikelihood: -Infinity, next: new Float64Array(count) };
      logLikelihood += Math.log(total);
      active = reached.filter(({ p }) => p > 0).map(({ state, p }) => ({ state, p: p / total }));
    }
    const next = new Float64Array(count);
    this.#ginc.memory.forEach((row, value) =>
      row.forEach((symbol, slot) => {
        next[symbol] = (next[symbol] as number) + this.#reach(concept, active, value * slots + slot);
      }),
    );
    return { logLikelihood, next };
  }

  /** The probability of a state one step after a belief. */
  #reach({ slots, values }: Concept, active: readonly { state: number; p: number }[], to: number): number {
    const width = slots.length;
    let sum = 0;
    for (const { state, p } of active) {
      const value = values[Math.floor(state / width)]?.[Math.floor(to / width)] as number;
      sum += p * value * (slots[state % width]?.[to % width] as number);
    }
    return (
      (1 - this.#smoothing) * sum + (active.length === 0 ? 0 : this.#smoothing / (width * values.length))
    );
  }
}

/** The likeliest symbol, the first of equals: numpy's argmax. */
export function likeliest(probabilities: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < probabilities.length; i++)
    if ((probabilities[i] as number) > (probabilities[best] as number)) best = i;
  return best;
}

/** The oracles there are; see {@link askOracle}. */
export const oracles = ['segments', 'exact', 'document'] as const;
export type OracleKind = (typeof oracles)[number];

export interface Opinion {
  /** Posterior probability of each known concept. */
  readonly concepts: number[];
  /** Of each symbol. */
  readonly answer: Float64Array;
}

/**
 * What Bayes' rule says of a prompt in distribution, all known concepts being equally likely at first.
 *
 * - `segments`: every example is a segment of its own that starts at any value and slot but the delimiter's; the answer
 *   is the posterior's next symbol. (Filtering through the joins instead gives most prompts probability zero under every
 *   concept, since transitions are exactly sparse.)
 * - `exact`: it is known besides that all examples of a prompt start in one slot, and that the right answer is the
 *   likeliest symbol given concept and slot: nobody can answer better on average.
 * - `document`: the prompt is a piece out of the middle of one document, as an ideal model of the documents takes it (any
 *   state is as likely there, since transitions are doubly stochastic), with `smoothing`.
 *
 * @param listener with the smoothing; without for the first two
 * @throws Error where no known concept can say the prompt, as for most that are out of distribution
 */
export function askOracle(
  ginc: Ginc,
  listener: Listener,
  { symbols, length }: { symbols: readonly number[]; length: number },
  kind: OracleKind,
): Opinion {
  const segments: (readonly number[])[] = kind === 'document' ? [symbols] : [];
  if (kind !== 'document')
    for (let at = 0; at < symbols.length; at += length + 1) segments.push(symbols.slice(at, at + length));
  const starts =
    kind !== 'exact'
      ? [kind === 'segments' ? startAnywhere(ginc) : startInAnyState(ginc)]
      : Array.from({ length: ginc.settings.slots - 1 }, (_, index) => startInSlot(ginc, index + 1));
  const hypotheses = ginc.known.flatMap((concept, index) =>
    starts.map((start) => {
      const heard = segments.map((segment) => listener.hear(concept, segment, start));
      const logLikelihood = heard.reduce((sum, segment) => sum + segment.logLikelihood, 0);
      return { index, logLikelihood, next: heard[heard.length - 1]?.next as Float64Array };
    }),
  );
  const most = Math.max(...hypotheses.map(({ logLikelihood }) => logLikelihood));
  if (most === -Infinity) throw new Error('no known concept can say this prompt');
  const weights = hypotheses.map(({ logLikelihood }) => Math.exp(logLikelihood - most));
  const total = weights.reduce((sum, weight) => sum + weight);
  const concepts = ginc.known.map(() => 0);
  const answer = new Float64Array(ginc.settings.symbols);
  hypotheses.forEach(({ index, next }, i) => {
    const weight = (weights[i] as number) / total;
    concepts[index] = (concepts[index] as number) + weight;
    if (weight === 0) return;
    const says = kind === 'exact' ? certain(likeliest(next), next.length) : next;
    says.forEach((p, symbol) => (answer[symbol] = (answer[symbol] as number) + weight * p));
  });
  return { concepts, answer };
}

/** All probability on one symbol. */
export function certain(symbol: number, symbols: number): Float64Array {
  const result = new Float64Array(symbols);
  result[symbol] = 1;
  return result;
}
