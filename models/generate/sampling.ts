/** @file Choosing a row's next token: the likeliest, or a draw after temperature, top-k, top-p and min-p. */
import type { Random } from '../../base/random.js';
import type { Settings } from './settings.js';

export type SamplingSettings = Pick<Settings, 'temperature' | 'topK' | 'topP' | 'minP'>;

/** The likeliest token, the first of several; −1 where logits are no numbers. */
export function likeliest(logits: Float32Array): number {
  let [best, index] = [-Infinity, -1];
  for (let i = 0; i < logits.length; i++) {
    const logit = logits[i]!;
    if (logit > best) {
      best = logit;
      index = i;
    } else if (logit !== logit) {
      return -1;
    }
  }
  return index;
}

/** log p of a token, in float64. */
export function logProbability(logits: Float32Array, token: number): number {
  let highest = -Infinity;
  for (let i = 0; i < logits.length; i++) if (logits[i]! > highest) highest = logits[i]!;
  let total = 0;
  for (let i = 0; i < logits.length; i++) total += Math.exp(logits[i]! - highest);
  return logits[token]! - highest - Math.log(total);
}

/** Draws tokens; its memory is made once. */
export class Sampler {
  readonly #settings: SamplingSettings;
  /** The tokens that are left, ascending, and their weights relative to the likeliest. */
  readonly #ids: Int32Array;
  readonly #weights: Float64Array;
  readonly #heap: Float32Array;
  #count = 0;

  constructor(settings: SamplingSettings, vocabulary: number) {
    this.#settings = settings;
    this.#ids = new Int32Array(vocabulary);
    this.#weights = new Float64Array(vocabulary);
    this.#heap = new Float32Array(Math.min(settings.topK, vocabulary));
  }

  /** A token drawn with one random number; −1 where logits are no numbers. Changes the logits. */
  draw(logits: Float32Array, random: Random): number {
    if (likeliest(logits) < 0) return -1;
    this.#restrict(logits);
    const at = random.uniform() * this.#total();
    let sum = 0;
    for (let i = 0; i < this.#count; i++) {
      sum += this.#weights[i]!;
      if (at < sum) return this.#ids[i]!;
    }
    // Rounding alone can lead here: the last that can be drawn at all.
    for (let i = this.#count - 1; i >= 0; i--) if (this.#weights[i]! > 0) return this.#ids[i]!;
    return -1;
  }

  /** The distribution that is drawn from: token → probability. */
  distribution(logits: Float32Array): Map<number, number> {
    this.#restrict(logits);
    const total = this.#total();
    return new Map(Array.from({ length: this.#count }, (_, i) => [this.#ids[i]!, this.#weights[i]! / total]));
  }

  #total(): number {
    let total = 0;
    for (let i = 0; i < this.#count; i++) total += this.#weights[i]!;
    return total;
  }

  /** The warpers in transformers' order: temperature, top-k, top-p, min-p. At least the likeliest token stays. */
  #restrict(logits: Float32Array): void {
    const { temperature, topK, topP, minP } = this.#settings;
    if (temperature !== 1) for (let i = 0; i < logits.length; i++) logits[i] = logits[i]! / temperature;
    const floor = topK > 0 && topK < logits.length ? this.#kthLargest(logits) : -Infinity;
    let highest = -Infinity;
    for (let i = 0; i < logits.length; i++) if (logits[i]! > highest) highest = logits[i]!;
    this.#count = 0;
    for (let i = 0; i < logits.length; i++) {
      const logit = logits[i]!;
      // Those that are as likely as the k-th stay with it. What was forbidden has no weight.
      if (logit < floor || logit === -Infinity) continue;
      this.#ids[this.#count] = i;
      this.#weights[this.#count++] = Math.exp(logit - highest);
    }
    if (topP < 1) this.#keepNucleus(topP);
    if (minP > 0) this.#keepWeights(minP);
  }

  /** The k-th largest logit: the smallest of a heap of the k largest. */
  #kthLargest(logits: Float32Array): number {
    const heap = this.#heap;
    heap.set(logits.subarray(0, heap.length));
    for (let i = (heap.length >> 1) - 1; i >= 0; i--) sink(heap, i);
    for (let i = heap.length; i < logits.length; i++) {
      if (logits[i]! <= heap[0]!) continue;
      heap[0] = logits[i]!;
      sink(heap, 0);
    }
    return heap[0]!;
  }

  /**
   * Keeps the likeliest tokens that together reach `topP` (Holtzman et al., 2020): a token goes where the less
   * likely ones and itself come to 1 − topP or less.
   */
  #keepNucleus(topP: number): void {
    const most = (1 - topP) * this.#total();
    let sum = 0;
    // All below an equal share of what may go do go; most tokens are among them and need not be sorted.
    const share = most / this.#count;
    for (let i = 0; i < this.#count; i++) if (this.#weights[i]! < share) sum += this.#weights[i]!;
    this.#keepWeights(share);
    const sorted = this.#weights.slice(0, this.#count).sort();
    let gone = 0;
    while (gone < sorted.length - 1 && sum + sorted[gone]! <= most) sum += sorted[gone++]!;
    // Of equally likely tokens at the edge those with the largest ids go first.
    const edge = sorted[gone]!;
    let below = 0;
    while (below < sorted.length && sorted[below]! < edge) below++;
    let goneAtEdge = gone - below;
    const weights = this.#weights;
    for (let i = this.#count - 1; i >= 0 && goneAtEdge > 0; i--) {
      if (weights[i] !== edge) continue;
      weights[i] = 0;
      goneAtEdge--;
    }
    this.#keepWeights(edge);
  }

  /** Keeps the tokens whose weight, relative to the likeliest's, is at least `least`. */
  #keepWeights(least: number): void {
    let kept = 0;
    for (let i = 0; i < this.#count; i++) {
      if (this.#weights[i]! < least) continue;
      this.#ids[kept] = this.#ids[i]!;
      this.#weights[kept++] = this.#weights[i]!;
    }
    this.#count = kept;
  }
}

/** Restores a heap, smallest first, below one element. */
function sink(heap: Float32Array, start: number): void {
  let parent = start;
  for (;;) {
    const left = 2 * parent + 1;
    if (left >= heap.length) return;
    const child = left + 1 < heap.length && heap[left + 1]! < heap[left]! ? left + 1 : left;
    if (heap[parent]! <= heap[child]!) return;
    const moved = heap[parent]!;
    heap[parent] = heap[child]!;
    heap[child] = moved;
    parent = child;
  }
}
