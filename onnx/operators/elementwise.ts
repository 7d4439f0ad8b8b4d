/** @file Arithmetic and functions of single elements, with numpy's broadcasting. */
import type { Operator, Value } from '../graph.js';
import { broadcast, ShapeError } from '../shape.js';
import { type DataType, dtypeOfOnnx, isFloat, onnxType } from '../tensor.js';
import { lift, need, NoGradient, type Operand, operator, sameType } from './define.js';
import { and, equal, greater, greaterOrEqual, less, lessOrEqual, where } from './logic.js';
import { binary, callBinary, callUnary, type None, step, unary, unbroadcast } from './pointwise.js';
import { identity } from './reshape.js';

// Arithmetic.
export const Add = binary('Add', (_a, _b, _y, dy) => [() => dy, () => dy]);
export const Sub = binary('Sub', (_a, _b, _y, dy) => [() => dy, () => neg(dy)]);
export const Mul = binary('Mul', (a, b, _y, dy) => [() => mul(dy, b), () => mul(dy, a)]);
export const Div = binary('Div', (_a, b, y, dy) => [() => div(dy, b), () => neg(div(mul(dy, y), b))]);
export const Neg = unary('Neg', (_x, _y, dy) => neg(dy));
export const Reciprocal = unary('Reciprocal', (_x, y, dy) => neg(mul(dy, mul(y, y))));
export const Abs = unary('Abs', (x, _y, dy) => mul(dy, sign(x)));

/** The exponents may be of another type than the powers. */
export const Pow: Operator<None> = operator({
  name: 'Pow',
  infer: ({ inputs }) => {
    const [a, b] = [need(inputs, 0), need(inputs, 1)];
    if (b.dtype === 'bool') throw new ShapeError('the exponents are bool');
    return [{ dtype: a.dtype, shape: broadcast(a.shape, b.shape) }];
  },
  gradient: ({ inputs, outputs, gradients, wanted }) => {
    const [a, b, y, dy] = [need(inputs, 0), need(inputs, 1), need(outputs, 0), need(gradients, 0)];
    const exponent = cast(b, a.dtype);
    const isRoot = () => and(equal(a, 0), greaterOrEqual(exponent, 0));
    return [
      wanted[0] ? unbroadcast(mul(dy, powerSlope(a, b, exponent, y)), a) : undefined,
      // 0 to a power is 0 whatever the power: no slope there, and no logarithm.
      wanted[1] ? unbroadcast(mul(dy, where(isRoot(), 0, mul(y, log(a)))), b) : undefined,
    ];
  },
});

/** b·a^(b−1), for constant exponents by multiplications: ONNX Runtime's own powers are slow. */
function powerSlope(a: Value, b: Value, exponent: Value, y: Value): Value {
  const known = b.data?.length === 1 ? Number(b.data[0]) : undefined;
  if (known === 1) return exponent;
  if (known === 2) return mul(a, 2);
  if (known === 3) return mul(mul(a, a), 3);
  if (known === 0.5) return div(0.5, y);
  if (known !== undefined && known !== 0) return mul(exponent, pow(a, known - 1));
  return where(equal(exponent, 0), 0, mul(exponent, pow(a, sub(exponent, 1))));
}

/** The rest of a division: with `fmod` (the only kind of floats) of the dividend's sign, else of the divisor's. */
export const Mod = operator<{ fmod: number }>({
  name: 'Mod',
  attributes: { fmod: 'int' },
  defaults: { fmod: 0 },
  infer: ({ inputs, attributes: { fmod } }) => {
    const dtype = sameType(inputs, 0, 1);
    if (isFloat(dtype) && fmod !== 1)
      throw new ShapeError(`of ${dtype} there is only the rest with fmod = 1`);
    return [{ dtype, shape: broadcast(need(inputs, 0).shape, need(inputs, 1).shape) }];
  },
  gradient: ({ inputs, outputs, gradients, wanted }) => {
    const [a, b, y, dy] = [need(inputs, 0), need(inputs, 1), need(outputs, 0), need(gradients, 0)];
    const quotient = () => div(sub(a, y), b);
    return [
      wanted[0] ? unbroadcast(dy, a) : undefined,
      wanted[1] ? unbroadcast(neg(mul(dy, quotient())), b) : undefined,
    ];
  },
});

/** Inputs: x, and if given the smallest and the largest value, both scalars. Where they cross, the largest wins. */
export const Clip = operator({
  name: 'Clip',
  infer: ({ inputs }) => {
    const bounds = [1, 2].filter((index) => inputs[index] !== undefined);
    sameType(inputs, 0, ...bounds);
    const wide = bounds.find((index) => need(inputs, index).shape.length > 0);
    if (wide !== undefined) throw new ShapeError(`input ${wide} is no scalar`);
    return [need(inputs, 0)];
  },
  gradient: ({ inputs, gradients, wanted }) => {
    const [x, dy] = [need(inputs, 0), need(gradients, 0)];
    const [low, high] = [inputs[1], inputs[2]];
    const inside = [
      ...(low === undefined ? [] : [greaterOrEqual(x, low)]),
      ...(high === undefined ? [] : [lessOrEqual(x, high)]),
    ];
    const [first, second] = inside;
    const free = first === undefined ? undefined : second === undefined ? first : and(first, second);
    return [
      free === undefined ? dy : where(free, dy, 0),
      low !== undefined && wanted[1] ? unbroadcast(where(less(x, low), dy, 0), low) : undefined,
      high !== undefined && wanted[2] ? unbroadcast(where(greater(x, high), dy, 0), high) : undefined,
    ];
  },
});

// Functions.
export const Sqrt = unary('Sqrt', (_x, y, dy) => div(mul(dy, 0.5), y));
export const Exp = unary('Exp', (_x, y, dy) => mul(dy, y));
export const Log = unary('Log', (x, _y, dy) => div(dy, x));
export const Tanh = unary('Tanh', (_x, y, dy) => mul(dy, sub(1, mul(y, y))));
export const Sigmoid = unary('Sigmoid', (_x, y, dy) => mul(dy, mul(y, sub(1, y))));
export const Erf = unary('Erf', (x, _y, dy) => mul(dy, mul(exp(neg(mul(x, x))), 2 / Math.sqrt(Math.PI))));

export const Sign = step('Sign');
export const Floor = step('Floor');
export const Ceil = step('Ceil');
export const Round = step('Round');

export const Cast = operator<{ to: number; saturate?: number }>({
  name: 'Cast',
  attributes: { to: 'int', saturate: 'int' },
  infer: ({ inputs, attributes }) => {
    const dtype = dtypeOfOnnx(attributes.to);
    if (dtype === undefined) throw new ShapeError(`element type ${attributes.to} is not known here`);
    return [{ dtype, shape: need(inputs, 0).shape }];
  },
  gradient: ({ inputs, gradients }) => [cast(need(gradients, 0), need(inputs, 0).dtype)],
});

/** Identity going forward; nothing flows back through it. */
export const Detach = operator({
  name: 'Detach',
  type: 'Identity',
  infer: ({ inputs }) => [need(inputs, 0)],
  gradient: () => [undefined],
});

/** Dropout as it is when a model is used: the identity, and a mask of ones. Trained models drop out elsewhere. */
export const Dropout = operator<{ seed?: number }>({
  name: 'Dropout',
  attributes: { seed: 'int' },
  infer: ({ inputs }) => {
    const [x, training] = [need(inputs, 0), inputs[2]];
    if (training !== undefined && (training.data === undefined || Number(training.data[0]) !== 0)) {
      throw new ShapeError(
        'it would drop out at random: set training_mode to false, and ask for dropout in training',
      );
    }
    return [x, { dtype: 'bool', shape: x.shape }];
  },
  gradient: ({ gradients }) => {
    if (gradients[0] === undefined) throw new NoGradient('its mask depends on nothing: use the first output');
    return [identity(gradients[0]), undefined, undefined];
  },
});

export const add = callBinary(Add);
export const sub = callBinary(Sub);
export const mul = callBinary(Mul);
export const div = callBinary(Div);
export const neg = callUnary(Neg);
export const reciprocal = callUnary(Reciprocal);
export const abs = callUnary(Abs);
export const pow = callBinary(Pow);
export const sqrt = callUnary(Sqrt);
export const exp = callUnary(Exp);
export const log = callUnary(Log);
export const tanh = callUnary(Tanh);
export const sigmoid = callUnary(Sigmoid);
export const erf = callUnary(Erf);
export const sign = callUnary(Sign);
export const floor = callUnary(Floor);
export const ceil = callUnary(Ceil);
export const round = callUnary(Round);
/** Stops the gradient: what depends on `x` only through here does not train through it. */
export const detach = callUnary(Detach);

/** The rest of a division: of floats with the sign of `a`, of integers with the sign of `b`. */
export function mod(a: Operand, b: Operand): Value {
  const { graph, values } = lift(a, b);
  return graph.emitOne(Mod, values, { fmod: isFloat(values[0].dtype) ? 1 : 0 });
}

/** Between two numbers. */
export function clip(x: Value, low?: Operand, high?: Operand): Value {
  const bound = (value: Operand | undefined) =>
    typeof value === 'number' ? x.graph.scalar(value, x.dtype) : value;
  return x.graph.emitOne(Clip, [x, bound(low), bound(high)], {});
}

/** To another element type; the value itself where it has that type already. */
export function cast(x: Value, dtype: DataType): Value {
  return x.dtype === dtype ? x : x.graph.emitOne(Cast, [x], { to: onnxType(dtype) });
}
