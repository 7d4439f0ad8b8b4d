/** @file Activations that are differentiated as a whole. */
import type { Value } from '../graph.js';
import { composite, need } from './define.js';
import { add, erf, exp, mul, sub } from './elementwise.js';

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
