/**
 * @file Activation checkpointing (Chen et al., 2016): in the backward pass what lies between two cuts of the graph is
 * computed again from the first, instead of having been kept since the forward pass.
 */
import { backpropagate, dependents, gradientsOf, startAt } from './differentiate.js';
import { type Graph, isComposite, type Node, type Value } from './graph.js';
import { bytesOfValue } from './memory.js';
import { cast, less, sub } from './operators/index.js';
import { elementOf } from './run-order.js';
import { isFloat } from './tensor.js';

/** What a forward pass starts from. */
export interface Sources {
  readonly weights: readonly Value[];
  readonly data: readonly Value[];
}

/** A part is worth computing again if it makes so many times the bytes of what has to be kept for it. */
const worth = 4;

/**
 * The gradients that `differentiate` gives, to the last bit, in a graph that keeps little more of the forward pass than
 * the values at its cuts. ONNX Runtime would merge the second computation with the first, or do it early; so it starts
 * from the cut's value minus a zero that is known only once the gradient behind it is there.
 */
export function differentiateRecomputing(loss: Value, wrt: readonly Value[], sources: Sources): Value[] {
  const { graph } = loss;
  const nodes = graph.nodes.filter((node) => !node.inside);
  const dependent = dependents(nodes, wrt);
  const gradients = startAt(loss);
  const parts = partsBetween(nodes, cutsOf(nodes, loss, sources));
  graph.within('backward', () => {
    parts.reverse().forEach(({ nodes: own, from, to }, distance) => {
      const arriving = to === undefined ? undefined : gradients.get(to);
      // The last part has only just been computed, and the first has nothing to start from.
      if (distance === 0 || from === undefined || to === undefined || arriving === undefined) {
        for (const node of [...own].reverse()) backpropagate(node, dependent, gradients);
      } else {
        const again = after(from, arriving);
        const { nodes: repeated, copies } = repeat(graph, own, from, again);
        for (const [original, copy] of copies) if (dependent.has(original)) dependent.add(copy);
        gradients.set(copies.get(to) ?? to, arriving);
        for (const node of repeated.reverse()) backpropagate(node, dependent, gradients);
        const passedOn = gradients.get(again);
        if (passedOn !== undefined) gradients.set(from, passedOn);
      }
    });
  });
  return gradientsOf(wrt, gradients);
}

/** The same elements as `value`, there only once `other` is: x − 0 is x, bit for bit. */
function after(value: Value, other: Value): Value {
  const element = elementOf(other);
  return sub(value, cast(less(element, element), value.dtype));
}

/** A value that everything behind it is computed from, data and weights aside; and the node after which it is. */
interface Cut {
  readonly value: Value;
  /** Number of nodes before it. */
  readonly at: number;
  /** Bytes that the part before it makes. */
  readonly made: number;
}

/**
 * The places where one value alone leads on, such as the residual stream between blocks. What follows from the weights
 * only, or from the data only (masks, positions), does not count: it is small, and kept.
 */
function cutsOf(nodes: readonly Node[], loss: Value, { weights, data }: Sources): Cut[] {
  const lastUse = lastUses(nodes, loss);
  const ofWeights = closure(nodes, weights);
  const ofData = closure(nodes, data);
  const cuts: Cut[] = [];
  const leading = new Set<Value>();
  let made = 0;
  nodes.forEach(({ inputs, outputs }, index) => {
    for (const output of outputs) {
      if (!isFloat(output.dtype) || !ofWeights.has(output) || !ofData.has(output) || !lastUse.has(output))
        continue;
      made += bytesOfValue(output);
      leading.add(output);
    }
    for (const value of [...inputs, ...outputs]) {
      if (value !== undefined && (lastUse.get(value) ?? -1) <= index) leading.delete(value);
    }
    const [value] = leading;
    if (leading.size !== 1 || value === undefined || cuts.at(-1)?.value === value) return;
    if (cuts.length > 0 && made < worth * bytesOfValue(value)) return;
    cuts.push({ value, at: index + 1, made });
    made = 0;
  });
  // The last part is still there when the backward pass begins: it should not be a small one.
  while (cuts.length > 0 && made < (cuts.at(-1) as Cut).made / 2) made += (cuts.pop() as Cut).made;
  return cuts;
}

/** For each value that the loss depends on: the last node that reads it. */
function lastUses(nodes: readonly Node[], loss: Value): Map<Value, number> {
  const lastUse = new Map<Value, number>([[loss, nodes.length]]);
  for (let index = nodes.length - 1; index >= 0; index--) {
    const { inputs, outputs } = nodes[index] as Node;
    if (!outputs.some((output) => lastUse.has(output))) continue;
    for (const input of inputs) {
      if (input !== undefined && !lastUse.has(input)) lastUse.set(input, index);
    }
  }
  return lastUse;
}

function closure(nodes: readonly Node[], from: readonly Value[]): Set<Value> {
  const reached = new Set(from);
  for (const { inputs, outputs } of nodes) {
    if (!inputs.some((input) => input !== undefined && reached.has(input))) continue;
    for (const output of outputs) reached.add(output);
  }
  return reached;
}

interface Part {
  readonly nodes: readonly Node[];
  /** The cut before it; none: the beginning. */
  readonly from: Value | undefined;
  /** The cut behind it; none: the loss. */
  readonly to: Value | undefined;
}

function partsBetween(nodes: readonly Node[], cuts: readonly Cut[]): Part[] {
  return Array.from({ length: cuts.length + 1 }, (_, i) => ({
    nodes: nodes.slice(cuts[i - 1]?.at ?? 0, cuts[i]?.at ?? nodes.length),
    from: cuts[i - 1]?.value,
    to: cuts[i]?.value,
  }));
}

/** The part's nodes with those that depend on `from` added once more, reading `again` instead. */
function repeat(graph: Graph, nodes: readonly Node[], from: Value, again: Value) {
  const copies = new Map<Value, Value>([[from, again]]);
  const repeated = nodes.map((node) => {
    const { operator, inputs, attributes, outputs } = node;
    if (!inputs.some((input) => input !== undefined && copies.has(input))) return node;
    const mapped = inputs.map((input) => (input === undefined ? undefined : (copies.get(input) ?? input)));
    const made = graph.within('again', () =>
      isComposite(operator)
        ? graph.emitComposite(operator, mapped, attributes)
        : graph.emit(operator, mapped, attributes),
    );
    outputs.forEach((output, i) => copies.set(output, made[i] as Value));
    return graph.nodes.at(-1) as Node;
  });
  return { nodes: repeated, copies };
}
