/** @file Attention out of plain operators: what every fused form of it is read as. */
import type { Graph, Value } from '../../graph.js';
import {
  add,
  concat,
  div,
  expand,
  fusedMatmul,
  matmul,
  max,
  mul,
  reshape,
  slice,
  softmax,
  tanh,
  transpose,
  where,
} from '../../operators/index.js';
import { ShapeError, shapeText, staticShape } from '../../shape.js';
import { allocate, type DataType } from '../../tensor.js';

/** Finite, since a row in which everything is masked by −∞ has no softmax, and its gradient is not a number. */
export const lowest = -3.4028234663852886e38;

/** The sizes of a value, all of which are known: files are read at given sizes. */
export function sizesOf(x: Value, rank: number, what: string): number[] {
  if (x.shape.length !== rank) {
    throw new ShapeError(`${what} has shape ${shapeText(x.shape)}: expected ${rank} axes`);
  }
  return staticShape(x.shape, what);
}

/** Heads side by side in rows [B, S, H·D] → [B, H, S, D]. */
export function toHeads(x: Value, heads: number, what: string): Value {
  const [batch, length, width] = sizesOf(x, 3, what) as [number, number, number];
  if (width % heads !== 0)
    throw new ShapeError(`${what}: a width of ${width} is not shared by ${heads} heads`);
  return transpose(reshape(x, [batch, length, heads, width / heads]), [0, 2, 1, 3]);
}

/** [B, H, S, D] → [B, S, H·D]. */
export function fromHeads(x: Value): Value {
  const [batch, heads, length, size] = sizesOf(x, 4, 'heads') as [number, number, number, number];
  return reshape(transpose(x, [0, 2, 1, 3]), [batch, length, heads * size]);
}

/** The keys or values of earlier calls before those of this one, along the axis of positions. */
export function withPast(past: Value | undefined, present: Value): Value {
  return past === undefined || past.shape[2] === 0 ? present : concat([past, present], 2);
}

/** What is added to scores [B, H, S, T] so that keys are not seen: 0 where `seen`, else `masked`. */
export function biasWhere(seen: Value, dtype: DataType, masked = lowest): Value {
  const { graph } = seen;
  return where(seen, graph.scalar(0, dtype), graph.scalar(masked, dtype));
}

/** All biases at once, broadcast to each other; lowest + lowest stays finite. */
export function together(biases: readonly (Value | undefined)[]): Value | undefined {
  const given = biases.filter((bias) => bias !== undefined);
  if (given.length < 2) return given[0];
  return max(
    given.reduce((a, b) => add(a, b)),
    lowest,
  );
}

const causal = new WeakMap<Graph, Map<string, Value>>();

/**
 * Query s, which is at position `past` + s, sees the keys up to its position, and of those the last `window`; [S, T].
 * One constant a graph, since every layer wants the same.
 */
export function causalBias(
  graph: Graph,
  dtype: DataType,
  [queries, keys]: readonly [number, number],
  past: number,
  window = Infinity,
): Value {
  const known = causal.get(graph) ?? new Map<string, Value>();
  causal.set(graph, known);
  const key = [dtype, queries, keys, past, window].join();
  const bias = known.get(key) ?? graph.constant(dtype, [queries, keys], causalElements());
  known.set(key, bias);
  return bias;

  function causalElements() {
    const elements = allocate(dtype, queries * keys) as Float32Array | Float64Array;
    for (let s = 0; s < queries; s++) {
      for (let t = 0; t < keys; t++) {
        const position = past + s;
        if (t > position || t <= position - window) elements[s * keys + t] = lowest;
      }
    }
    return elements;
  }
}

export interface Attend {
  /** [B, H, S, D] */
  readonly query: Value;
  /** [B, H′, T, D]; H is a multiple of H′, and each key's head serves H / H′ neighbouring heads of queries. */
  readonly key: Value;
  /** [B, H′, T, E] */
  readonly value: Value;
  readonly scale: number;
  /** Added to the scores; broadcast to [B, H, S, T]. */
  readonly bias?: Value;
  /** Scores are squeezed into ±softcap, before the bias; 0: they are not. */
  readonly softcap?: number;
  /** The score [H] of a key that has no value: attention that goes nowhere. */
  readonly sink?: Value;
}

export interface Attended {
  /** [B, H, S, E] */
  readonly output: Value;
  /** The scores [B, H, S, T] on their way: as they come, after softcap, after bias, as probabilities. */
  readonly scores: Value;
  readonly capped: Value;
  readonly biased: Value;
  readonly probabilities: Value;
}

/** softmax(scale · query · keyᵀ + bias) · value. */
export function attend({ query, key, value, scale, bias, softcap = 0, sink }: Attend): Attended {
  const [batch, heads, length, size] = sizesOf(query, 4, 'the query') as [number, number, number, number];
  const [, keyHeads, keys] = sizesOf(key, 4, 'the key') as [number, number, number, number];
  const width = sizesOf(value, 4, 'the value')[3] as number;
  if (heads % keyHeads !== 0) {
    throw new ShapeError(`${heads} heads of queries cannot share ${keyHeads} heads of keys`);
  }
  // The queries that share a key stand one below the other: no key is repeated, and its gradient sums by itself.
  const grouped = [batch, keyHeads, (heads / keyHeads) * length];
  const product = fusedMatmul(reshape(query, [...grouped, size]), key, { transB: true, alpha: scale });
  const scores = reshape(product, [batch, heads, length, keys]);
  const capped = softcap === 0 ? scores : mul(tanh(div(scores, softcap)), softcap);
  const biased = bias === undefined ? capped : add(capped, bias);
  const probabilities = sink === undefined ? softmax(biased) : softmaxWithSink(biased, sink);
  const mixed = matmul(reshape(probabilities, [...grouped, keys]), value);
  const output = reshape(mixed, [batch, heads, length, width]);
  return { output, scores, capped, biased, probabilities };
}

function softmaxWithSink(scores: Value, sink: Value): Value {
  const keys = scores.shape[3] as number;
  const column = expand(reshape(sink, [1, -1, 1, 1]), [...scores.shape.slice(0, 3), 1]);
  return slice(softmax(concat([scores, column], 3)), 3, 0, keys);
}
