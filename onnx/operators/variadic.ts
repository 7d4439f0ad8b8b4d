/** @file Operators of any number of operands that broadcast: sum, mean, largest, smallest. */
import type { Operator, Value, ValueType } from '../graph.js';
import { broadcast, type Shape, ShapeError } from '../shape.js';
import { need, operator, sameType } from './define.js';
import { div } from './elementwise.js';
import { and, equal, greaterOrEqual, lessOrEqual, not, or, where } from './logic.js';
import { callBinary, type None, unbroadcast } from './pointwise.js';

function common(inputs: readonly (Value | undefined)[]): ValueType[] {
  if (inputs.length === 0) throw new ShapeError('there are no operands');
  const dtype = sameType(inputs, ...inputs.keys());
  const shape = inputs.map((_, i) => need(inputs, i).shape).reduce<Shape>((a, b) => broadcast(a, b), []);
  return [{ dtype, shape }];
}

/** On WebGPU it runs on the CPU: chains of add() do not. */
export const Sum = operator({
  name: 'Sum',
  infer: ({ inputs }) => common(inputs),
  gradient: ({ inputs, gradients, wanted }) =>
    inputs.map((x, i) => (x !== undefined && wanted[i] ? unbroadcast(need(gradients, 0), x) : undefined)),
});

export const Mean = operator({
  name: 'Mean',
  infer: ({ inputs }) => common(inputs),
  gradient: ({ inputs, gradients, wanted }) => {
    const share = div(need(gradients, 0), inputs.length);
    return inputs.map((x, i) => (x !== undefined && wanted[i] ? unbroadcast(share, x) : undefined));
  },
});

/** The first of equal operands gets the whole gradient; `wins` compares it with one that stands after it. */
function extreme(name: string, wins: (a: Value, b: Value) => Value): Operator<None> {
  return operator({
    name,
    infer: ({ inputs }) => common(inputs),
    gradient: ({ inputs, outputs, gradients, wanted }) => {
      const [y, dy] = [need(outputs, 0), need(gradients, 0)];
      const operands = inputs.map((_, i) => need(inputs, i));
      const [a, b] = operands as [Value, Value];
      if (operands.length === 1) return [dy];
      if (operands.length === 2) {
        return [
          wanted[0] ? unbroadcast(where(wins(a, b), dy, 0), a) : undefined,
          wanted[1] ? unbroadcast(where(wins(a, b), 0, dy), b) : undefined,
        ];
      }
      let taken: Value | undefined;
      return operands.map((x, i) => {
        const hit = equal(x, y);
        const first = taken === undefined ? hit : and(hit, not(taken));
        taken = taken === undefined ? hit : or(taken, hit);
        return wanted[i] ? unbroadcast(where(first, dy, 0), x) : undefined;
      });
    },
  });
}

export const Max = extreme('Max', (a, b) => greaterOrEqual(a, b));
export const Min = extreme('Min', (a, b) => lessOrEqual(a, b));

export const max = callBinary(Max);
export const min = callBinary(Min);

/** The sum of values that broadcast. */
export function sum(values: readonly Value[]): Value {
  const [first] = values;
  if (first === undefined) throw new ShapeError('there is nothing to add up');
  return first.graph.emitOne(Sum, values, {});
}
