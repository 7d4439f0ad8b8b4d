/** @file Comparisons, logic, and the choice between two values. */
import type { Operator, Value } from '../graph.js';
import { broadcast, ShapeError } from '../shape.js';
import { type DataType, isFloat } from '../tensor.js';
import { forwardOnly, lift, need, type Operand, operator, sameType } from './define.js';
import { callBinary, callUnary, type None, unbroadcast } from './pointwise.js';

const noSlope = forwardOnly('a comparison has no slope: choose between two values with where()');

// Comparisons and logic put out booleans, through which nothing is differentiated.
const comparison = (name: string, domain?: DataType): Operator<None> =>
  operator({
    name,
    infer: ({ inputs }) => {
      const dtype = sameType(inputs, 0, 1);
      if (domain !== undefined && dtype !== domain) throw new ShapeError(`${dtype} is not ${domain}`);
      return [{ dtype: 'bool', shape: broadcast(need(inputs, 0).shape, need(inputs, 1).shape) }];
    },
    gradient: noSlope,
  });
export const Equal = comparison('Equal');
export const Greater = comparison('Greater');
export const GreaterOrEqual = comparison('GreaterOrEqual');
export const Less = comparison('Less');
export const LessOrEqual = comparison('LessOrEqual');
export const And = comparison('And', 'bool');
export const Or = comparison('Or', 'bool');
export const Xor = comparison('Xor', 'bool');

export const Not = operator({
  name: 'Not',
  infer: ({ inputs }) => {
    const x = need(inputs, 0);
    if (x.dtype !== 'bool') throw new ShapeError(`${x.dtype} is not bool`);
    return [x];
  },
  gradient: noSlope,
});

/** Bit by bit, of integers. */
const bitwise = (name: string, count: number): Operator<None> =>
  operator({
    name,
    infer: ({ inputs }) => {
      const operands = Array.from({ length: count }, (_, i) => need(inputs, i));
      const dtype = sameType(inputs, ...operands.keys());
      if (isFloat(dtype) || dtype === 'bool') throw new ShapeError(`${dtype} is no type of integers`);
      return [{ dtype, shape: operands.map(({ shape }) => shape).reduce((a, b) => broadcast(a, b)) }];
    },
    gradient: forwardOnly(
      'integers have no slope: cast to a float type before anything is trained through it',
    ),
  });
export const BitwiseAnd = bitwise('BitwiseAnd', 2);
export const BitwiseOr = bitwise('BitwiseOr', 2);
export const BitwiseXor = bitwise('BitwiseXor', 2);
export const BitwiseNot = bitwise('BitwiseNot', 1);

const floatTest = <A extends Operator['attributes']>(name: string, attributes: A): Operator =>
  operator<Record<string, number>>({
    name,
    attributes,
    infer: ({ inputs }) => {
      const { dtype, shape } = need(inputs, 0);
      if (!isFloat(dtype)) throw new ShapeError(`${dtype} is no type of real numbers`);
      return [{ dtype: 'bool', shape }];
    },
    gradient: noSlope,
  });
export const IsNaN = floatTest('IsNaN', {});
export const IsInf = floatTest('IsInf', { detect_negative: 'int', detect_positive: 'int' });

export const Where = operator({
  name: 'Where',
  infer: ({ inputs }) => {
    const [condition, a, b] = [need(inputs, 0), need(inputs, 1), need(inputs, 2)];
    if (condition.dtype !== 'bool') throw new ShapeError(`the condition is ${condition.dtype}, not bool`);
    return [
      { dtype: sameType(inputs, 1, 2), shape: broadcast(condition.shape, broadcast(a.shape, b.shape)) },
    ];
  },
  gradient: ({ inputs, gradients, wanted }) => {
    const [condition, a, b, dy] = [need(inputs, 0), need(inputs, 1), need(inputs, 2), need(gradients, 0)];
    return [
      undefined,
      wanted[1] ? unbroadcast(where(condition, dy, 0), a) : undefined,
      wanted[2] ? unbroadcast(where(condition, 0, dy), b) : undefined,
    ];
  },
});

export const equal = callBinary(Equal);
export const greater = callBinary(Greater);
export const greaterOrEqual = callBinary(GreaterOrEqual);
export const less = callBinary(Less);
export const lessOrEqual = callBinary(LessOrEqual);
export const and = callBinary(And);
export const or = callBinary(Or);
export const xor = callBinary(Xor);
export const not = callUnary(Not);
export const isNaN = callUnary(IsNaN);
export const isInf = callUnary(IsInf);

/** `condition ? a : b`, element by element. */
export function where(condition: Value, a: Operand, b: Operand): Value {
  const { graph, values } = lift(a, b);
  return graph.emitOne(Where, [condition, ...values], {});
}
