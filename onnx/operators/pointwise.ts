/** @file How operators on single elements are written: of one operand, of two that broadcast, and steps. */
import type { Attributes, Operator, Value } from '../graph.js';
import { broadcast, broadcastAxes, sameShape, ShapeError } from '../shape.js';
import { isFloat } from '../tensor.js';
import { forwardOnly, lift, need, type Operand, operator, sameType } from './define.js';
import { reduceSum } from './reduction.js';
import { reshape } from './reshape.js';

export type None = Record<string, never>;

/** The gradient of a value that was broadcast: summed over the axes along which it was repeated. */
export function unbroadcast(gradient: Value, to: Value): Value {
  if (sameShape(gradient.shape, to.shape)) return gradient;
  const axes = broadcastAxes(gradient.shape, to.shape);
  return reshape(reduceSum(gradient, axes, true), to.shape);
}

/** Both operands' gradients, brought back to their shapes; what nobody wants is not even built. */
export function binary(
  name: string,
  partials: (a: Value, b: Value, y: Value, dy: Value) => [() => Value, () => Value],
): Operator<None> {
  return operator({
    name,
    infer: ({ inputs }) => [
      { dtype: sameType(inputs, 0, 1), shape: broadcast(need(inputs, 0).shape, need(inputs, 1).shape) },
    ],
    gradient: ({ inputs, outputs, gradients, wanted }) => {
      const [a, b] = [need(inputs, 0), need(inputs, 1)];
      const [da, db] = partials(a, b, need(outputs, 0), need(gradients, 0));
      return [wanted[0] ? unbroadcast(da(), a) : undefined, wanted[1] ? unbroadcast(db(), b) : undefined];
    },
  });
}

export function unary(name: string, derivative: (x: Value, y: Value, dy: Value) => Value): Operator<None> {
  return operator({
    name,
    infer: ({ inputs }) => [need(inputs, 0)],
    gradient: ({ inputs, outputs, gradients }) => [
      derivative(need(inputs, 0), need(outputs, 0), need(gradients, 0)),
    ],
  });
}

/** A function of single elements with attributes; only floats have it. */
export function parametric<A extends Attributes>(
  name: string,
  {
    domain,
    attributes,
    defaults,
  }: Pick<Operator<A>, 'attributes' | 'defaults'> & Partial<Pick<Operator, 'domain'>>,
  derivative: (x: Value, y: Value, dy: Value, attributes: A) => Value,
): Operator<A> {
  return operator<A>({
    name,
    domain,
    attributes,
    defaults,
    infer: ({ inputs }) => {
      const x = need(inputs, 0);
      if (!isFloat(x.dtype)) throw new ShapeError(`${x.dtype} is no type of real numbers`);
      return [x];
    },
    gradient: ({ inputs, outputs, gradients, attributes: given }) => [
      derivative(need(inputs, 0), need(outputs, 0), need(gradients, 0), given),
    ],
  });
}

/** Flat wherever it has a slope. */
export function step(name: string): Operator<None> {
  return operator({
    name,
    infer: ({ inputs }) => [need(inputs, 0)],
    gradient: forwardOnly('it is flat between its steps: put detach() around its input'),
  });
}

export function callBinary(op: Operator<None>): (a: Operand, b: Operand) => Value {
  return (a, b) => {
    const { graph, values } = lift(a, b);
    return graph.emitOne(op, values, {});
  };
}

export function callUnary(op: Operator<None>): (x: Value) => Value {
  return (x) => x.graph.emitOne(op, [x], {});
}
