/**
 * @file Functions that exporters write out as their parts (GELU, SiLU, RMS norm), recognised at the product that ends
 * them: as a whole they are cheaper to differentiate than the chain rule over the parts is, by a third and more of the
 * passes over the widest tensors.
 */
import type { Node, Value } from '../../graph.js';
import { gelu, gemm, mul, reshape, rmsNorm, scaledGelu, swish } from '../../operators/index.js';
import { producerOf, wholeOf } from '../producer.js';
import type { NodeCall, Readers } from '../reader.js';
import { input } from './inputs.js';

/** Numbers that exporters round. */
const near = (a: number | undefined, b: number) => a !== undefined && Math.abs(a - b) < 1e-5 * Math.abs(b);

/** The number that a constant of one element is. */
function numberOf({ data }: Value): number | undefined {
  return data?.length === 1 ? Number(data[0]) : undefined;
}

function made(value: Value, operator: string): Node | undefined {
  const node = producerOf(value);
  return node?.operator.name === operator ? node : undefined;
}

/** A product as a number times what is no number; products are looked into `depth` levels deep. */
function factorsOf(value: Value, depth: number): { scale: number; factors: Value[] } {
  const number = numberOf(value);
  if (number !== undefined) return { scale: number, factors: [] };
  const product = made(value, 'Mul');
  const quotient = made(value, 'Div');
  const [a, b] = ((product ?? quotient)?.inputs ?? []) as Value[];
  if (depth === 0 || a === undefined || b === undefined) return { scale: 1, factors: [value] };
  if (product === undefined) {
    const divisor = numberOf(b);
    if (divisor === undefined) return { scale: 1, factors: [value] };
    const { scale, factors } = factorsOf(a, depth - 1);
    return { scale: scale / divisor, factors };
  }
  const [left, right] = [factorsOf(a, depth - 1), factorsOf(b, depth - 1)];
  return { scale: left.scale * right.scale, factors: [...left.factors, ...right.factors] };
}

/** The other term of a sum with a number. */
function besideNumber(value: Value, number: number): Value | undefined {
  const [a, b] = (made(value, 'Add')?.inputs ?? []) as Value[];
  if (a === undefined || b === undefined) return undefined;
  if (near(numberOf(b), number)) return a;
  return near(numberOf(a), number) ? b : undefined;
}

/** Whether a value is `scale` times another. */
function isMultiple(value: Value, of: Value, scale: number): boolean {
  const found = factorsOf(value, 1);
  return found.factors.length === 1 && found.factors[0] === of && near(found.scale, scale);
}

/** ½·x·(1 + erf(x/√2)) or ½·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))), in whatever order the factors stand. */
function asGelu(a: Value, b: Value): Value | undefined {
  const [left, right] = [factorsOf(a, 2), factorsOf(b, 2)];
  const factors = [...left.factors, ...right.factors];
  if (!near(left.scale * right.scale, 0.5) || factors.length !== 2) return undefined;
  for (const [x, gate] of [factors, [...factors].reverse()] as [Value, Value][]) {
    const inner = besideNumber(gate, 1);
    if (inner === undefined) continue;
    const erf = made(inner, 'Erf')?.inputs[0];
    if (erf !== undefined && isMultiple(erf, x, Math.SQRT1_2)) return exactGelu(x);
    const tanh = made(inner, 'Tanh')?.inputs[0];
    if (tanh !== undefined && isTanhArgument(tanh, x)) return gelu(x, 'tanh');
  }
  return undefined;
}

function isTanhArgument(value: Value, x: Value): boolean {
  const { scale, factors } = factorsOf(value, 1);
  const [sum] = factors;
  if (sum === undefined || factors.length !== 1 || !near(scale, Math.sqrt(2 / Math.PI))) return false;
  const terms = (made(sum, 'Add')?.inputs ?? []) as Value[];
  const cube = terms.find((term) => term !== x);
  if (!terms.includes(x) || cube === undefined) return false;
  const cubic = factorsOf(cube, 3);
  return (
    cubic.factors.length === 3 && cubic.factors.every((factor) => factor === x) && near(cubic.scale, 0.044715)
  );
}

/** √½·scaledGelu(√½·x): the first constant goes into the product that made x, the second into the one that reads it. */
function exactGelu(x: Value): Value {
  return mul(scaledGelu(scaledProduct(x, Math.SQRT1_2) ?? mul(x, Math.SQRT1_2)), Math.SQRT1_2);
}

/** A linear layer's output times a number, computed by the product itself. */
function scaledProduct(x: Value, scale: number): Value | undefined {
  const reshaped = made(x, 'Reshape');
  const node = wholeOf(reshaped?.inputs[0] ?? x);
  if (node?.operator.name !== 'Gemm' && node?.operator.name !== 'TransposedGemm') return undefined;
  const [a, b, c] = node.inputs as [Value, Value, Value | undefined];
  const { transA, transB, alpha = 1, beta = 1 } = node.attributes as Record<string, number | undefined>;
  const product = gemm(a, b, c, {
    transA: transA === 1,
    transB: transB === 1,
    alpha: alpha * scale,
    beta: beta * scale,
  });
  return reshape(product, x.shape);
}

/** x·σ(x) */
function asSwish(a: Value, b: Value): Value | undefined {
  if (made(b, 'Sigmoid')?.inputs[0] === a) return swish(a);
  return made(a, 'Sigmoid')?.inputs[0] === b ? swish(b) : undefined;
}

/** x / √(mean of x² + ε) · w over the last axis. */
function asRmsNorm(a: Value, b: Value): Value | undefined {
  for (const [normal, weight] of [
    [a, b],
    [b, a],
  ] as const) {
    if (weight.shape.length !== 1 || weight.shape[0] !== normal.shape.at(-1)) continue;
    const [left, right] = (made(normal, 'Mul')?.inputs ?? []) as Value[];
    if (left === undefined || right === undefined) continue;
    for (const [x, inverse] of [
      [left, right],
      [right, left],
    ] as const) {
      const epsilon = epsilonOfInverseRoot(inverse, x);
      if (epsilon !== undefined) return rmsNorm(x, weight, epsilon);
    }
  }
  return undefined;
}

/** ε of a value that is 1 / √(mean of x² over the last axis + ε); undefined where it is not. */
function epsilonOfInverseRoot(value: Value, x: Value): number | undefined {
  const root = reciprocalOf(value);
  const sum = root && made(root, 'Sqrt')?.inputs[0];
  const terms = ((sum && made(sum, 'Add')?.inputs) ?? []) as Value[];
  const epsilon = terms.map(numberOf).find((number) => number !== undefined);
  const mean = terms.find((term) => numberOf(term) === undefined);
  const reduced = mean && made(mean, 'ReduceMean');
  const square = reduced?.inputs[0];
  const axes = reduced?.inputs[1]?.data;
  if (
    epsilon === undefined ||
    square === undefined ||
    axes?.length !== 1 ||
    reduced?.attributes['keepdims'] !== 1
  ) {
    return undefined;
  }
  const axis = Number(axes[0]);
  const isLast = axis === -1 || axis === x.shape.length - 1;
  const [p, q] = made(square, 'Mul')?.inputs ?? [];
  return isLast && p === x && q === x ? epsilon : undefined;
}

function reciprocalOf(value: Value): Value | undefined {
  const direct = made(value, 'Reciprocal')?.inputs[0];
  if (direct !== undefined) return direct;
  const [one, divisor] = (made(value, 'Div')?.inputs ?? []) as Value[];
  return one !== undefined && numberOf(one) === 1 ? divisor : undefined;
}

function readMul(call: NodeCall): Value[] {
  const [a, b] = [input(call, 0), input(call, 1)];
  if (a.dtype !== 'float32') return [mul(a, b)];
  return [asRmsNorm(a, b) ?? asGelu(a, b) ?? asSwish(a, b) ?? mul(a, b)];
}

export const patterns: Readers = { Mul: readMul };
