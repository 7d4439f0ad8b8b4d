/** @file Sines, their relatives and their inverses. */
import type { Value } from '../graph.js';
import { add, div, mul, neg, sqrt, sub } from './elementwise.js';
import { callUnary, unary } from './pointwise.js';

const onePlusSquare = (x: Value) => add(mul(x, x), 1);
const oneMinusSquare = (x: Value) => sub(1, mul(x, x));

export const Sin = unary('Sin', (x, _y, dy) => mul(dy, cos(x)));
export const Cos = unary('Cos', (x, _y, dy) => neg(mul(dy, sin(x))));
export const Tan = unary('Tan', (_x, y, dy) => mul(dy, onePlusSquare(y)));
export const Asin = unary('Asin', (x, _y, dy) => div(dy, sqrt(oneMinusSquare(x))));
export const Acos = unary('Acos', (x, _y, dy) => neg(div(dy, sqrt(oneMinusSquare(x)))));
export const Atan = unary('Atan', (x, _y, dy) => div(dy, onePlusSquare(x)));
export const Sinh = unary('Sinh', (x, _y, dy) => mul(dy, cosh(x)));
export const Cosh = unary('Cosh', (x, _y, dy) => mul(dy, sinh(x)));
export const Asinh = unary('Asinh', (x, _y, dy) => div(dy, sqrt(onePlusSquare(x))));
export const Acosh = unary('Acosh', (x, _y, dy) => div(dy, sqrt(sub(mul(x, x), 1))));
export const Atanh = unary('Atanh', (x, _y, dy) => div(dy, oneMinusSquare(x)));

export const sin = callUnary(Sin);
export const cos = callUnary(Cos);
export const tan = callUnary(Tan);
export const asin = callUnary(Asin);
export const acos = callUnary(Acos);
export const atan = callUnary(Atan);
export const sinh = callUnary(Sinh);
export const cosh = callUnary(Cosh);
export const asinh = callUnary(Asinh);
export const acosh = callUnary(Acosh);
export const atanh = callUnary(Atanh);
