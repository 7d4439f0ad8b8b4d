/** @file GELU and what stands for it. */
import type { Value } from '../graph.js';
import { sameShape, ShapeError, shapeText } from '../shape.js';
import { composite, need, operator, sameType } from './define.js';
import { add, erf, exp, mul, sigmoid, sub, tanh } from './elementwise.js';
import { parametric, unbroadcast } from './pointwise.js';

/**
 * h·(1 + erf h), which is √2·gelu(√2·h): the exact GELU with its constants moved out, so that the linear
 * layers before and after can take them over for nothing (see models/gpt.ts).
 *
 * Its gradient, (1 + erf h) + h·(2/√π)·exp(−h²), folds 2/√π into the exponent; the chain rule over the parts
 * would read and write the widest tensors of the network two more times.
 */
export const ScaledGelu = composite({
  name: 'ScaledGelu',
  expand: ({ inputs }) => {
    const h = need(inputs, 0);
    const gate = add(erf(h), 1);
    return [mul(h, gate), gate];
  },
  gradient: ({ inputs, outputs, gradients }) => {
    const [h, gate, dy] = [need(inputs, 0), need(outputs, 1), need(gradients, 0)];
    const slope = exp(sub(Math.log(2 / Math.sqrt(Math.PI)), mul(h, h)));
    return [mul(dy, add(mul(h, slope), gate))];
  },
});

export function scaledGelu(h: Value): Value {
  return h.graph.emitComposite(ScaledGelu, [h], {})[0] as Value;
}

/** Φ(x) + x·φ(x) of the normal distribution: the slope of x·Φ(x). */
function exactSlope(x: Value): Value {
  const cumulative = mul(add(erf(mul(x, Math.SQRT1_2)), 1), 0.5);
  const density = exp(sub(-Math.log(Math.sqrt(2 * Math.PI)), mul(mul(x, x), 0.5)));
  return add(cumulative, mul(x, density));
}

/** The slope of x/2·(1 + tanh(c·(x + 0.044715·x³))), c = √(2/π). */
function tanhSlope(x: Value): Value {
  const [c, cubic] = [Math.sqrt(2 / Math.PI), 0.044715];
  const square = mul(x, x);
  const t = tanh(mul(x, add(mul(square, c * cubic), c)));
  const inner = mul(x, add(mul(square, 3 * c * cubic), c)); // x times the slope of tanh's argument
  return mul(add(add(t, 1), mul(inner, sub(1, mul(t, t)))), 0.5);
}

type GeluAttributes = { approximate: string };

export const Gelu = parametric<GeluAttributes>(
  'Gelu',
  { attributes: { approximate: 'string' }, defaults: { approximate: 'none' } },
  (x, _y, dy, { approximate }) => mul(dy, approximate === 'tanh' ? tanhSlope(x) : exactSlope(x)),
);

/** Inputs: x, and if given a bias, which is added first. */
const biased = (name: string, slope: (x: Value) => Value, isOptional: boolean) =>
  operator({
    name,
    domain: 'com.microsoft',
    infer: ({ inputs }) => {
      const [x, bias] = [need(inputs, 0), isOptional ? inputs[1] : need(inputs, 1)];
      if (x.shape.length === 0) throw new ShapeError('a scalar has no columns');
      if (bias !== undefined) {
        sameType(inputs, 0, 1);
        if (!sameShape(bias.shape, x.shape.slice(-1))) {
          throw new ShapeError(
            `a bias ${shapeText(bias.shape)} is not one number a column of ${shapeText(x.shape)}`,
          );
        }
      }
      return [x];
    },
    gradient: ({ inputs, gradients, wanted }) => {
      const [x, bias, dy] = [need(inputs, 0), inputs[1], need(gradients, 0)];
      const dx = mul(dy, slope(bias === undefined ? x : add(x, bias)));
      return [dx, bias !== undefined && wanted[1] ? unbroadcast(dx, bias) : undefined];
    },
  });

export const BiasGelu = biased('BiasGelu', exactSlope, false);
/** By tanh. */
export const FastGelu = biased('FastGelu', tanhSlope, true);

/** x·σ(αx); with α = 1 it is SiLU. */
export const QuickGelu = parametric<{ alpha: number }>(
  'QuickGelu',
  { domain: 'com.microsoft', attributes: { alpha: 'float' }, defaults: { alpha: 1.702 } },
  (x, _y, dy, { alpha }) => {
    const gate = sigmoid(mul(x, alpha));
    return mul(dy, mul(gate, add(mul(mul(x, alpha), sub(1, gate)), 1)));
  },
);

export function gelu(x: Value, approximate: 'none' | 'tanh' = 'none'): Value {
  return x.graph.emitOne(Gelu, [x], { approximate });
}

export function quickGelu(x: Value, alpha = 1.702): Value {
  return x.graph.emitOne(QuickGelu, [x], { alpha });
}

export function biasGelu(x: Value, bias: Value): Value {
  return x.graph.emitOne(BiasGelu, [x, bias], {});
}

export function fastGelu(x: Value, bias?: Value): Value {
  return x.graph.emitOne(FastGelu, bias === undefined ? [x] : [x, bias], {});
}
