/** @file Getting ONNX Runtime to run nodes in an order that needs little memory. */
import type { Value } from './graph.js';
import { add, gather, reshape } from './operators/index.js';

/** Any one element of a tensor, as a scalar: what depends on it runs after the tensor is there. */
export function elementOf(value: Value): Value {
  return gather(reshape(value, [-1]), value.graph.constant('int64', [], [0]));
}

/**
 * A scalar that is of no use but for being put out, and has to be added last. ONNX Runtime starts at the last node and
 * walks back depth first, at each node into the input that was added last. So it computes the gradients in the order
 * in which they were added: each as soon as what it is made of is there, the topmost layer first, instead of all of them
 * at the end from tensors kept until then.
 *
 * @param results what each gradient is wanted for, in the same order: itself, or a sum that it is added to
 */
export function inOrderOfAddition(gradients: readonly Value[], results: readonly Value[]): Value {
  const { graph } = gradients[0] as Value;
  const places = new Map<Value, number>();
  graph.nodes.forEach(({ outputs }, index) => outputs.forEach((output) => places.set(output, index)));
  const order = gradients.map((gradient, i) => ({
    at: places.get(gradient) ?? 0,
    result: results[i] as Value,
  }));
  const elements = order.sort((a, b) => a.at - b.at).map(({ result }) => elementOf(result));
  return elements.reduce((sum, element) => add(sum, element));
}
