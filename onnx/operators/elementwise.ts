/** @file Arithmetic and functions of single elements, with numpy's broadcasting. */
import type { Operator, Value } from '../graph.js';
import { broadcast, broadcastAxes, sameShape, ShapeError } from '../shape.js';
import { type DataType, dtypeOfOnnx, onnxType } from '../tensor.js';
import { forwardOnly, lift, need, type Operand, operator, sameType } from './define.js';
import { reshape } from './reshape.js';
import { reduceSum } from './reduction.js';

type None = Record<string, never>;

/** The gradient of a value that was broadcast: summed over the axes along which it was repeated. */
export function unbroadcast(gradient: Value, to: Value): Value {
  if (sameShape(gradient.shape, to.shape)) return gradient;
  const axes = broadcastAxes(gradient.shape, to.shape);
  return reshape(reduceSum(gradient, axes, true), to.shape);
}

/** Both operands' gradients, brought back to their shapes; what nobody wants is not even built. */
function binary(
  name: string,
  partials: (a: Value, b: Value, y: Value, dy: Value) => [() => Value, () => Value],
) {
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

function unary(name: string, derivative: (x: Value, y: Value, dy: Value) => Value): Operator<None> {
  return operator({
    name,
    infer: ({ inputs }) => [need(inputs, 0)],
    gradient: ({ inputs, outputs, gradients }) => [
      derivative(need(inputs, 0), need(outputs, 0), need(gradients, 0)),
    ],
  });
}

const callBinary = (op: Operator<None>) => (a: Operand, b: Operand) => {
  const { graph, values } = lift(a, b);
  return graph.emitOne(op, values, {});
};
const callUnary = (op: Operator<None>) => (x: Value) => x.graph.emitOne(op, [x], {});

// Arithmetic.
export const Add = binary('Add', (_a, _b, _y, dy) => [() => dy, () => dy]);
export const Sub = binary('Sub', (_a, _b, _y, dy) => [() => dy, () => neg(dy)]);
export const Mul = binary('Mul', (a, b, _y, dy) => [() => mul(dy, b), () => mul(dy, a)]);
export const Div = binary('Div', (_a, b, y, dy) => [() => div(dy, b), () => neg(div(mul(dy, y), b))]);
export const Pow = binary('Pow', (a, b, y, dy) => [
  () => mul(dy, mul(b, pow(a, sub(b, 1)))),
  () => mul(dy, mul(y, log(a))),
]);
export const Neg = unary('Neg', (_x, _y, dy) => neg(dy));
export const Reciprocal = unary('Reciprocal', (_x, y, dy) => neg(mul(dy, mul(y, y))));
export const Abs = unary('Abs', (x, _y, dy) => mul(dy, sign(x)));

// Ties give the whole gradient to the first operand.
export const Max = binary('Max', (a, b, _y, dy) => [
  () => where(greaterOrEqual(a, b), dy, 0),
  () => where(greaterOrEqual(a, b), 0, dy),
]);
export const Min = binary('Min', (a, b, _y, dy) => [
  () => where(lessOrEqual(a, b), dy, 0),
  () => where(lessOrEqual(a, b), 0, dy),
]);

// Functions.
export const Sqrt = unary('Sqrt', (_x, y, dy) => div(mul(dy, 0.5), y));
export const Exp = unary('Exp', (_x, y, dy) => mul(dy, y));
export const Log = unary('Log', (x, _y, dy) => div(dy, x));
export const Sin = unary('Sin', (x, _y, dy) => mul(dy, cos(x)));
export const Cos = unary('Cos', (x, _y, dy) => neg(mul(dy, sin(x))));
export const Tanh = unary('Tanh', (_x, y, dy) => mul(dy, sub(1, mul(y, y))));
export const Sigmoid = unary('Sigmoid', (_x, y, dy) => mul(dy, mul(y, sub(1, y))));
export const Relu = unary('Relu', (x, _y, dy) => where(greater(x, 0), dy, 0));
export const Erf = unary('Erf', (x, _y, dy) => mul(dy, mul(exp(neg(mul(x, x))), 2 / Math.sqrt(Math.PI))));

// Steps: flat wherever they have a slope.
const flat = (name: string): Operator<None> =>
  operator({
    name,
    infer: ({ inputs }) => [need(inputs, 0)],
    gradient: forwardOnly('it is flat between its steps: put detach() around its input'),
  });
export const Sign = flat('Sign');
export const Floor = flat('Floor');
export const Ceil = flat('Ceil');

// Comparisons and logic put out booleans, through which nothing is differentiated.
const comparison = (name: string, domain?: DataType): Operator<None> =>
  operator({
    name,
    infer: ({ inputs }) => {
      const dtype = sameType(inputs, 0, 1);
      if (domain !== undefined && dtype !== domain) throw new ShapeError(`${dtype} is not ${domain}`);
      return [{ dtype: 'bool', shape: broadcast(need(inputs, 0).shape, need(inputs, 1).shape) }];
    },
    gradient: forwardOnly('a comparison has no slope: choose between two values with where()'),
  });
export const Equal = comparison('Equal');
export const Greater = comparison('Greater');
export const GreaterOrEqual = comparison('GreaterOrEqual');
export const Less = comparison('Less');
export const LessOrEqual = comparison('LessOrEqual');
export const And = comparison('And', 'bool');
export const Or = comparison('Or', 'bool');
export const Not = flat('Not');

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

export const Cast = operator<{ to: number }>({
  name: 'Cast',
  attributes: { to: 'int' },
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

export const add = callBinary(Add);
export const sub = callBinary(Sub);
export const mul = callBinary(Mul);
export const div = callBinary(Div);
export const pow = callBinary(Pow);
export const max = callBinary(Max);
export const min = callBinary(Min);
export const neg = callUnary(Neg);
export const reciprocal = callUnary(Reciprocal);
export const abs = callUnary(Abs);
export const sqrt = callUnary(Sqrt);
export const exp = callUnary(Exp);
export const log = callUnary(Log);
export const sin = callUnary(Sin);
export const cos = callUnary(Cos);
export const tanh = callUnary(Tanh);
export const sigmoid = callUnary(Sigmoid);
export const relu = callUnary(Relu);
export const erf = callUnary(Erf);
export const sign = callUnary(Sign);
export const floor = callUnary(Floor);
export const ceil = callUnary(Ceil);
export const equal = callBinary(Equal);
export const greater = callBinary(Greater);
export const greaterOrEqual = callBinary(GreaterOrEqual);
export const less = callBinary(Less);
export const lessOrEqual = callBinary(LessOrEqual);
export const and = callBinary(And);
export const or = callBinary(Or);
export const not = callUnary(Not);
/** Stops the gradient: what depends on `x` only through here does not train through it. */
export const detach = callUnary(Detach);

/** `condition ? a : b`, element by element. */
export function where(condition: Value, a: Operand, b: Operand): Value {
  const { graph, values } = lift(a, b);
  return graph.emitOne(Where, [condition, ...values], {});
}

/** To another element type; the value itself where it has that type already. */
export function cast(x: Value, dtype: DataType): Value {
  return x.dtype === dtype ? x : x.graph.emitOne(Cast, [x], { to: onnxType(dtype) });
}
