/** @file Attention over rows that may see no key at all: probabilities that are 0 there, going forward and back. */
import type { Value } from '../../graph.js';
import { add, greater, max, reduceMax, softmax, where } from '../../operators/index.js';
import { producerOf } from '../producer.js';
import type { NodeCall, Readers } from '../reader.js';
import { input } from './inputs.js';

/** Far below any score, and far enough above float32's minimum for scores to be added. */
const hidden = -3e38;

/** An additive mask without infinities, and which of its rows leave a key to see: [..., T, 1]. */
interface FiniteMask {
  readonly mask: Value;
  readonly seesKey: Value;
}

const finiteMasks = new WeakMap<Value, FiniteMask>();

function finite(mask: Value): FiniteMask {
  const known = finiteMasks.get(mask);
  if (known !== undefined) return known;
  const made = {
    mask: max(mask, hidden),
    seesKey: greater(reduceMax(mask, [mask.shape.length - 1], true), hidden),
  };
  finiteMasks.set(mask, made);
  return made;
}

/** The operand of scores + mask that all heads share: the smaller one. */
function maskAndScores(sum: Value): { mask: Value; scores: Value } | undefined {
  const node = producerOf(sum);
  if (node?.operator.name !== 'Add') return undefined;
  const [a, b] = node.inputs as [Value, Value];
  const size = ({ shape }: Value) => shape.reduce<number>((product, dim) => product * Number(dim), 1);
  if (size(a) === size(b)) return undefined;
  return size(a) < size(b) ? { mask: a, scores: b } : { mask: b, scores: a };
}

/**
 * Where(IsNaN(p), 0, p) over p = Softmax(scores + mask), as exporters write PyTorch's scaled_dot_product_attention:
 * a row of −∞ alone (padding on the left, looking back) has NaN for probabilities, and they make them 0. Going back,
 * NaN times 0 stays NaN; so here the mask is finite, and what it says decides on the 0.
 */
function readWhere(call: NodeCall): Value[] {
  const [condition, a, b] = [input(call, 0), input(call, 1), input(call, 2)];
  const test = producerOf(condition);
  const normal = producerOf(b);
  const isGuard =
    test?.operator.name === 'IsNaN' && test.inputs[0] === b && normal?.operator.name === 'Softmax';
  if (!isGuard || !isZero(a)) return [chosen(condition, a, b)];
  const sum = normal.inputs[0] as Value;
  const { axis } = normal.attributes as { axis: number };
  if (axis !== sum.shape.length - 1) return [chosen(condition, a, b)];
  const found = maskAndScores(sum);
  // Without a mask to be told from the scores, the scores themselves are looked at.
  const { mask, seesKey } = finite(found?.mask ?? sum);
  const probabilities = softmax(found === undefined ? mask : add(found.scores, mask), axis);
  return [where(seesKey, probabilities, 0)];
}

const choices = new WeakMap<Value, Map<string, Value>>();

/** Where, once for the same values: exporters make the same mask of booleans in every layer. */
function chosen(condition: Value, a: Value, b: Value): Value {
  const known = choices.get(condition) ?? new Map<string, Value>();
  choices.set(condition, known);
  const key = `${a.name} ${b.name}`;
  const value = known.get(key) ?? where(condition, a, b);
  known.set(key, value);
  return value;
}

function isZero({ data }: Value): boolean {
  return data !== undefined && Array.from(data, Number).every((element) => element === 0);
}

export const maskedSoftmax: Readers = { Where: readWhere };
