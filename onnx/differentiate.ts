/** @file Reverse mode over a graph: from a scalar to its gradients. */
import { type Graph, isComposite, type Node, type Value } from './graph.js';
import { sameShape, ShapeError, shapeText } from './shape.js';
import { isFloat } from './tensor.js';
import { NoGradient } from './operators/define.js';
import { add, Detach } from './operators/elementwise.js';

/** A gradient was asked for that does not exist. */
export class DifferentiationError extends Error {
  override readonly name = 'DifferentiationError';
}

/**
 * Adds to the graph what computes ∂loss/∂value for each of `wrt`, and returns those gradients in order.
 *
 * @throws DifferentiationError where the loss is not a scalar, does not depend on one of the values, or
 * depends on it through an operator without a gradient.
 */
export function differentiate(loss: Value, wrt: readonly Value[]): Value[] {
  const { graph } = loss;
  const nodes = graph.nodes.filter((node) => !node.inside);
  const dependent = dependents(nodes, wrt);
  const gradients = startAt(loss);
  graph.within('backward', () => {
    for (const node of nodes.reverse()) backpropagate(node, dependent, gradients);
  });
  return gradientsOf(wrt, gradients);
}

/** The gradients known before anything is differentiated: that of the loss itself, 1. */
export function startAt(loss: Value): Map<Value, Value> {
  if (loss.shape.length > 0 || !isFloat(loss.dtype)) {
    throw new DifferentiationError(
      `only a scalar can be differentiated, and ${loss.name} is ${loss.typeText}`,
    );
  }
  return new Map([[loss, loss.graph.scalar(1, loss.dtype)]]);
}

/** What was asked for among the gradients that were found. */
export function gradientsOf(wrt: readonly Value[], gradients: ReadonlyMap<Value, Value>): Value[] {
  return wrt.map((value) => {
    const gradient = gradients.get(value);
    if (gradient !== undefined) return gradient;
    throw new DifferentiationError(`the loss does not depend on ${value.name}: leave it out, or use it`);
  });
}

/** Everything that depends on one of the values, other than through detach(). */
export function dependents(nodes: readonly Node[], wrt: readonly Value[]): Set<Value> {
  const dependent = new Set(wrt);
  for (const node of nodes) {
    if (node.operator === Detach) continue;
    if (!node.inputs.some((input) => input !== undefined && dependent.has(input))) continue;
    for (const output of node.outputs) dependent.add(output);
  }
  return dependent;
}

/** Adds what a node passes on to the gradients of its inputs, once those of its outputs are known. */
export function backpropagate(node: Node, dependent: ReadonlySet<Value>, gradients: Map<Value, Value>): void {
  const upstream = node.outputs.map((output) => gradients.get(output));
  const wanted = node.inputs.map(
    (input) => input !== undefined && isFloat(input.dtype) && dependent.has(input),
  );
  if (!upstream.some((gradient) => gradient !== undefined) || !wanted.includes(true)) return;
  const { operator, inputs, outputs, attributes } = node;
  const { gradient } = operator;
  if (!('of' in gradient)) {
    throw noGradient(node, gradient.wayOut);
  }
  const call = { inputs, outputs, attributes, gradients: upstream, wanted };
  const downstream = graphOf(node).within(node.name, () => explain(node, () => gradient.of(call)));
  downstream.forEach((value, i) => {
    const input = inputs[i];
    if (value === undefined || input === undefined || !wanted[i]) return;
    if (!sameShape(value.shape, input.shape) || value.dtype !== input.dtype) {
      throw new Error(
        `the gradient of ${operator.name} gives ${value.typeText} for an input of ${shapeText(input.shape)} ` +
          `(${isComposite(operator) ? 'composite' : 'operator'} at node ${node.name})`,
      );
    }
    const known = gradients.get(input);
    gradients.set(input, known === undefined ? value : add(known, value));
  });
}

function noGradient({ operator, name }: Node, wayOut: string): DifferentiationError {
  return new DifferentiationError(
    `${operator.name} has no gradient, and the loss depends on node ${name}: ${wayOut}`,
  );
}

/** Says of an error which node's gradient it comes from. */
function explain<T>(node: Node, build: () => T): T {
  try {
    return build();
  } catch (error) {
    if (error instanceof NoGradient) throw noGradient(node, error.message);
    if (!(error instanceof ShapeError)) throw error;
    throw new DifferentiationError(
      `the gradient of ${node.operator.name} (node ${node.name}) cannot be built: ${error.message}`,
    );
  }
}

function graphOf(node: Node): Graph {
  return (node.outputs[0] as Value).graph;
}
