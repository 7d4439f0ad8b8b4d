/** @file Checks of gradients: activations. */
import type { Value } from '../../graph.js';
import * as o from '../../operators/index.js';
import { broadcasting, type Check, type Checks, erf, oneOf, shapes, unary, unaryWith } from './define.js';

const isSingle = true;
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const softplus = (x: number) => Math.log1p(Math.exp(x));
const exactGelu = (x: number) => (x / 2) * (1 + erf(x / Math.SQRT2));
const tanhGelu = (x: number) =>
  (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));

/** x/2 · (1 + tanh …) of operators with float64 kernels. */
const tanhGeluOf = (x: Value) => {
  const inner = o.mul(o.add(x, o.mul(o.mul(o.mul(x, x), x), 0.044715)), Math.sqrt(2 / Math.PI));
  return o.mul(o.mul(x, 0.5), o.add(o.tanh(inner), 1));
};

/** erf by its power series, for numbers up to 3. */
const erfOf = (x: Value) => {
  const square = o.mul(x, x);
  let [term, sum] = [x, x];
  for (let n = 1; n < 60; n++) {
    term = o.mul(o.mul(term, square), -1 / n);
    sum = o.add(sum, o.mul(term, 1 / (2 * n + 1)));
  }
  return o.mul(sum, 2 / Math.sqrt(Math.PI));
};

const exactGeluOf = (x: Value) => o.mul(o.mul(x, 0.5), o.add(erfOf(o.mul(x, Math.SQRT1_2)), 1));

/** A bias for each column, added before the function. */
const withBias = (build: (x: Value, bias: Value) => Value, reference: (x: Value) => Value): Check =>
  shapes(1).map((shape) => ({
    text: '',
    build,
    reference: (x, bias) => reference(o.add(x, bias)),
    specs: [{ shape }, { shape: shape.slice(-1), between: [-0.5, 0.5] as const }],
  }));

export const activation: Checks = {
  Relu: unary(o.relu, (x) => Math.max(0, x), { kinks: [0] }),
  LeakyRelu: unaryWith([-1, 1], (alpha) => ({
    build: (x) => o.leakyRelu(x, { alpha }),
    scalar: (x) => (x < 0 ? alpha * x : x),
    kinks: [0],
  })),
  ThresholdedRelu: unaryWith([0, 1], (alpha) => ({
    build: (x) => o.thresholdedRelu(x, { alpha }),
    scalar: (x) => (x > alpha ? x : 0),
    kinks: [alpha],
  })),
  PRelu: broadcasting(1).chain(([slope = []]) =>
    shapes(0, 1).map((outer) => ({
      text: '',
      build: o.pRelu,
      reference: (x, a) => o.where(o.less(x, 0), o.mul(x, a), x),
      specs: [{ shape: [...outer, ...slope], kinks: [0] }, { shape: slope }],
    })),
  ),
  Elu: unaryWith([0.1, 2], (alpha) => ({
    build: (x) => o.elu(x, { alpha }),
    scalar: (x) => (x < 0 ? alpha * Math.expm1(x) : x),
    kinks: [0],
  })),
  Celu: unaryWith([0.5, 2], (alpha) => ({
    build: (x) => o.celu(x, { alpha }),
    scalar: (x) => (x < 0 ? alpha * Math.expm1(x / alpha) : x),
    kinks: [0],
  })),
  Selu: oneOf(
    unary(
      (x) => o.selu(x),
      (x) => 1.0507009873554805 * (x < 0 ? 1.6732632423543772 * Math.expm1(x) : x),
      {
        isSingle,
        kinks: [0],
      },
    ),
    unaryWith([0.5, 2], (alpha) => ({
      build: (x) => o.selu(x, { alpha, gamma: 0.5 }),
      scalar: (x) => 0.5 * (x < 0 ? alpha * Math.expm1(x) : x),
      kinks: [0],
    })),
  ),
  Softplus: unary(o.softplus, softplus, { isSingle }),
  Softsign: unary(o.softsign, (x) => x / (1 + Math.abs(x)), { isSingle }),
  HardSigmoid: unaryWith([0.3, 1], (alpha) => ({
    build: (x) => o.hardSigmoid(x, { alpha, beta: 0.25 }),
    scalar: (x) => Math.min(1, Math.max(0, alpha * x + 0.25)),
    kinks: [-0.25 / alpha, 0.75 / alpha],
  })),
  HardSwish: unary(o.hardSwish, (x) => x * Math.min(1, Math.max(0, x / 6 + 0.5)), {
    isSingle,
    between: [-4, 4],
    kinks: [-3, 3],
  }),
  Mish: unary(o.mish, (x) => x * Math.tanh(softplus(x)), { isSingle }),
  Shrink: unaryWith([0.2, 1], (lambd) => ({
    build: (x) => o.shrink(x, { lambd, bias: 0.1 }),
    scalar: (x) => (x < -lambd ? x + Math.fround(0.1) : x > lambd ? x - Math.fround(0.1) : 0),
    kinks: [-lambd, lambd],
  })),
  Swish: unaryWith([0.5, 2], (alpha) => ({
    build: (x) => o.swish(x, alpha),
    scalar: (x) => x * sigmoid(alpha * x),
    isSingle: false,
  })),
  ScaledGelu: unary(o.scaledGelu, (h) => h * (1 + erf(h)), { isSingle }),
  Gelu: oneOf(
    unary((x) => o.gelu(x), exactGelu, { isSingle, between: [-3, 3] }),
    unary((x) => o.gelu(x, 'tanh'), tanhGelu, { isSingle, between: [-3, 3] }),
  ),
  QuickGelu: unaryWith([0.5, 2], (alpha) => ({
    build: (x) => o.quickGelu(x, alpha),
    scalar: (x) => x * sigmoid(alpha * x),
  })),
  BiasGelu: withBias(o.biasGelu, exactGeluOf),
  FastGelu: oneOf(
    withBias(o.fastGelu, tanhGeluOf),
    unary((x) => o.fastGelu(o.unsqueeze(x, 0)), tanhGelu, { isSingle }),
  ),
};
