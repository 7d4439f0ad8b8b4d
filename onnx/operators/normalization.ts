/** @file Layer normalization. */
import type { Value } from '../graph.js';
import { type Shape, ShapeError } from '../shape.js';
import { need, operator } from './define.js';
import { mul, sub } from './elementwise.js';
import { sumLeading } from './movement.js';
import { reduceMean } from './reduction.js';

type LayerNormAttributes = { axis: number; epsilon: number };

/** Over the last axis. Puts out the result, the means and the inverse standard deviations. */
export const LayerNormalization = operator<LayerNormAttributes>({
  name: 'LayerNormalization',
  attributes: { axis: 'int', epsilon: 'float' },
  infer: ({ inputs, attributes }) => {
    const x = need(inputs, 0);
    if (attributes.axis !== -1) throw new ShapeError('only the last axis is normalized here');
    const statistics: Shape = [...x.shape.slice(0, -1), 1];
    return [x, { dtype: 'float32', shape: statistics }, { dtype: 'float32', shape: statistics }];
  },
  gradient: ({ inputs, outputs, gradients, wanted }) => {
    const [x, scale] = [need(inputs, 0), need(inputs, 1)];
    const [mean, inverse, dy] = [need(outputs, 1), need(outputs, 2), need(gradients, 0)];
    const normal = mul(sub(x, mean), inverse);
    const dnormal = mul(dy, scale);
    const centred = sub(dnormal, reduceMean(dnormal, [-1], true));
    const dx = mul(inverse, sub(centred, mul(normal, reduceMean(mul(dnormal, normal), [-1], true))));
    return [
      wanted[0] ? dx : undefined,
      wanted[1] ? sumLeading(mul(dy, normal)) : undefined,
      wanted[2] ? sumLeading(dy) : undefined,
    ];
  },
});

/** (x − mean) / √(variance + ε) · scale + bias over the last axis. */
export function layerNorm(x: Value, scale: Value, bias: Value, epsilon = 1e-5): Value {
  return x.graph.emit(LayerNormalization, [x, scale, bias], { axis: -1, epsilon })[0] as Value;
}
