/** @file Dropout whose masks follow from a seed, the step and the place: the same on any number of threads, and resumed. */
import { Random } from '../base/random.js';
import type { Graph, Value } from '../onnx/graph.js';
import { add, gather, less, mul, reshape, slice, unsqueeze, where } from '../onnx/operators/index.js';
import type { InputSpec } from '../onnx/program.js';

/** x [N, width] with a share of its elements zero and the others larger by as much; `place` is where in the model. */
export type Dropout = (x: Value, place: number) => Value;

/** Random words that a place needs at each step. */
const words = 6;

/** What a graph with dropout at `places` places is fed: one row of words for each. */
export function dropoutInput(places: number): InputSpec {
  return { name: 'dropout', dtype: 'int32', shape: [places, words] };
}

/** The words of a step's part: one draw for each place. */
export function dropoutWords(places: number, seed: number | string, step: number, part: number): Int32Array {
  const random = Random.of(seed, 'dropout', step, part);
  return Int32Array.from({ length: places * words }, () => random.uint32() | 0);
}

/**
 * The element in row i and column j is left out where a hash of i, j and the place's words, seen as a number from −2³¹
 * to 2³¹, is below a bound. The hash is (rᵢ·w₀ + w₁)·(cⱼ·w₂ + w₃) + (rᵢ·w₄ + w₅) in 32 bits, with random constants rᵢ, cⱼ
 * for rows and columns: its high bits are uniform, and those of two elements independent. So a mask costs three passes
 * over small integers, and nothing of its size is made in JavaScript.
 */
export function dropoutIn(seeds: Value, probability: number): Dropout {
  const bound = Math.round((probability - 0.5) * 2 ** 32);
  const constants = new Map<string, Value>();
  const randomWords = (purpose: string, count: number): Value => {
    const key = `${purpose} ${count}`;
    const value = constants.get(key) ?? wordsFor(seeds.graph, purpose, count);
    constants.set(key, value);
    return value;
  };
  return (x, place) => {
    const { graph } = x;
    const [rows, columns] = x.shape as [number, number];
    const own = reshape(slice(seeds, 0, place, place + 1), [words]);
    const word = (index: number) => gather(own, graph.constant('int32', [], [index]));
    const row = unsqueeze(randomWords('rows', rows), 1); // [N, 1]
    const column = randomWords('columns', columns); // [width]
    const left = add(mul(row, word(0)), word(1));
    const right = add(mul(column, word(2)), word(3));
    const hash = add(mul(left, right), add(mul(row, word(4)), word(5))); // [N, width]
    const isLeftOut = less(hash, graph.scalar(bound, 'int32'));
    return where(isLeftOut, 0, mul(x, 1 / (1 - probability)));
  };
}

/** The same numbers in every graph: what makes them differ is fed. Odd, so that no product loses all its bits. */
function wordsFor(graph: Graph, purpose: string, count: number): Value {
  const random = Random.of(0, 'dropout', purpose);
  return graph.constant(
    'int32',
    [count],
    Int32Array.from({ length: count }, () => random.uint32() | 1),
  );
}
