/** @file Activations: rectifiers and their smooth relatives. The family of GELU is in gelu.ts. */
import type { Attributes, Operator, Value } from '../graph.js';
import { broadcast, sameShape, ShapeError, shapeText } from '../shape.js';
import { composite, need, operator, sameType } from './define.js';
import { abs, add, div, mul, sigmoid, sub, tanh } from './elementwise.js';
import { and, greater, less, where } from './logic.js';
import { callUnary, type None, parametric, unary, unbroadcast } from './pointwise.js';

type Alpha = { alpha: number };
const alphaOnly = (alpha: number) => ({ attributes: { alpha: 'float' }, defaults: { alpha } }) as const;

export const Relu = unary('Relu', (x, _y, dy) => where(greater(x, 0), dy, 0));

export const LeakyRelu = parametric<Alpha>('LeakyRelu', alphaOnly(0.01), (x, _y, dy, { alpha }) =>
  where(less(x, 0), mul(dy, alpha), dy),
);

export const ThresholdedRelu = parametric<Alpha>('ThresholdedRelu', alphaOnly(1), (x, _y, dy, { alpha }) =>
  where(greater(x, alpha), dy, 0),
);

/** Inputs: x, and slopes that broadcast to its shape. */
export const PRelu = operator({
  name: 'PRelu',
  infer: ({ inputs }) => {
    const [x, slope] = [need(inputs, 0), need(inputs, 1)];
    if (!sameShape(broadcast(x.shape, slope.shape), x.shape)) {
      throw new ShapeError(`slopes ${shapeText(slope.shape)} do not broadcast to ${shapeText(x.shape)}`);
    }
    return [{ dtype: sameType(inputs, 0, 1), shape: x.shape }];
  },
  gradient: ({ inputs, gradients, wanted }) => {
    const [x, slope, dy] = [need(inputs, 0), need(inputs, 1), need(gradients, 0)];
    const negative = less(x, 0);
    return [
      wanted[0] ? where(negative, mul(dy, slope), dy) : undefined,
      wanted[1] ? unbroadcast(where(negative, mul(dy, x), 0), slope) : undefined,
    ];
  },
});

// Exponentials below zero: what they put out is their slope but for a constant.
export const Elu = parametric<Alpha>('Elu', alphaOnly(1), (x, y, dy, { alpha }) =>
  where(less(x, 0), mul(dy, add(y, alpha)), dy),
);
export const Celu = parametric<Alpha>('Celu', alphaOnly(1), (x, y, dy, { alpha }) =>
  where(less(x, 0), mul(dy, add(div(y, alpha), 1)), dy),
);

type SeluAttributes = { alpha: number; gamma: number };
export const Selu = parametric<SeluAttributes>(
  'Selu',
  {
    attributes: { alpha: 'float', gamma: 'float' },
    // The constants of Klambauer et al. (2017), as ONNX rounds them.
    defaults: { alpha: 1.6732632423543772, gamma: 1.0507009873554805 },
  },
  (x, y, dy, { alpha, gamma }) => mul(dy, where(less(x, 0), add(y, alpha * gamma), gamma)),
);

export const Softplus = unary('Softplus', (x, _y, dy) => mul(dy, sigmoid(x)));
export const Softsign = unary('Softsign', (x, _y, dy) => {
  const scale = add(abs(x), 1);
  return div(dy, mul(scale, scale));
});

type HardSigmoidAttributes = { alpha: number; beta: number };
export const HardSigmoid = parametric<HardSigmoidAttributes>(
  'HardSigmoid',
  { attributes: { alpha: 'float', beta: 'float' }, defaults: { alpha: 0.2, beta: 0.5 } },
  (_x, y, dy, { alpha }) => where(and(greater(y, 0), less(y, 1)), mul(dy, alpha), 0),
);

/** x · min(1, max(0, x/6 + 1/2)) */
export const HardSwish = unary('HardSwish', (x, _y, dy) =>
  mul(dy, where(less(x, -3), 0, where(greater(x, 3), 1, add(div(x, 3), 0.5)))),
);

/** x · tanh(ln(1 + eˣ)) */
export const Mish = unary('Mish', (x, _y, dy) => {
  const gate = tanh(softplus(x));
  return mul(dy, add(gate, mul(mul(x, sigmoid(x)), sub(1, mul(gate, gate)))));
});

type ShrinkAttributes = { lambd: number; bias: number };
export const Shrink = parametric<ShrinkAttributes>(
  'Shrink',
  { attributes: { lambd: 'float', bias: 'float' }, defaults: { lambd: 0.5, bias: 0 } },
  (x, _y, dy, { lambd }) => where(greater(abs(x), lambd), dy, 0),
);

/**
 * x·σ(αx), SiLU for α = 1: written as its parts, since ONNX has it only in operator sets that ONNX Runtime optimizes
 * less. Differentiated as a whole, s·(1 + αx·(1 − s)), which reads the widest tensors of a network once less.
 */
export const Swish = composite<Alpha>({
  name: 'Swish',
  ...alphaOnly(1),
  expand: ({ inputs, attributes: { alpha } }) => {
    const x = need(inputs, 0);
    const gate = sigmoid(alpha === 1 ? x : mul(x, alpha));
    return [mul(x, gate), gate];
  },
  gradient: ({ outputs, gradients, attributes: { alpha } }) => {
    const [y, gate, dy] = [need(outputs, 0), need(outputs, 1), need(gradients, 0)];
    const rest = mul(y, sub(1, gate));
    return [mul(dy, add(gate, alpha === 1 ? rest : mul(rest, alpha)))];
  },
});

const callParametric =
  <A extends Attributes>(op: Operator<A>) =>
  (x: Value, attributes: Partial<A> = {}): Value =>
    x.graph.emitOne(op, [x], { ...op.defaults, ...attributes });

export const relu = callUnary(Relu);
export const leakyRelu = callParametric(LeakyRelu);
export const thresholdedRelu = callParametric(ThresholdedRelu);
export const elu = callParametric(Elu);
export const celu = callParametric(Celu);
export const selu = callParametric(Selu);
export const softplus = callUnary(Softplus);
export const softsign = callUnary(Softsign);
export const hardSigmoid = callParametric(HardSigmoid);
export const hardSwish = callUnary(HardSwish);
export const mish = callUnary(Mish);
export const shrink = callParametric(Shrink);

/** x, times a slope where it is negative. */
export function pRelu(x: Value, slope: Value): Value {
  return x.graph.emitOne<None>(PRelu, [x, slope], {});
}

/** x·σ(αx) */
export function swish(x: Value, alpha = 1): Value {
  return x.graph.emitComposite(Swish, [x], { alpha })[0] as Value;
}
