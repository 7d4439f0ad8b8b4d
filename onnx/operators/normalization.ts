/** @file Layer normalization, with means and by root mean squares alone. */
import type { Value, ValueType } from '../graph.js';
import { broadcast, normalizeAxis, sameShape, type Shape, ShapeError, shapeText } from '../shape.js';
import { composite, need, NoGradient, operator } from './define.js';
import { abs, add, div, mul, neg, reciprocal, sign, sqrt, sub } from './elementwise.js';
import { greater, where } from './logic.js';
import { expand, sumLeading } from './movement.js';
import { unbroadcast } from './pointwise.js';
import { reduceMean, reduceSum, reduceSumSquare } from './reduction.js';

type NormAttributes = { axis: number; epsilon: number };
/** `stash_type` is the precision of the statistics: float32 (1) is the only one here. */
type LayerNormAttributes = NormAttributes & { stash_type?: number };

const kinds = { axis: 'int', epsilon: 'float', stash_type: 'int' } as const;
const defaults = { axis: -1, epsilon: 1e-5 };

/** The axes that are normalized together: from `axis` on. */
function normalized({ shape }: Value, axis: number): number[] {
  if (axis === -1) return [-1];
  const first = normalizeAxis(axis, shape.length);
  return shape.flatMap((_, i) => (i >= first ? [i] : []));
}

/** Checks what stands beside x, and gives the shape of the statistics. */
function statisticsShape(
  inputs: readonly (Value | undefined)[],
  { axis, stash_type: stash = 1 }: LayerNormAttributes,
) {
  const x = need(inputs, 0);
  if (stash !== 1) throw new ShapeError(`statistics of element type ${stash} are not computed here`);
  const first = normalizeAxis(axis, x.shape.length);
  const inner = x.shape.slice(first);
  for (const [i, beside] of inputs.slice(1).entries()) {
    if (beside !== undefined && !sameShape(broadcast(inner, beside.shape), inner)) {
      throw new ShapeError(
        `input ${i + 1} of ${shapeText(beside.shape)} does not go with axes of ${shapeText(inner)}`,
      );
    }
  }
  return [...x.shape.slice(0, first), ...inner.map(() => 1)] satisfies Shape;
}

/** The gradient of a scale or bias. */
function besideGradient(gradient: Value, beside: Value): Value {
  const isRow = sameShape(beside.shape, gradient.shape.slice(-1));
  return isRow ? sumLeading(gradient) : unbroadcast(gradient, beside);
}

/** Over the axes from `axis` on. Puts out the result, the means and the inverse standard deviations. */
export const LayerNormalization = operator<LayerNormAttributes>({
  name: 'LayerNormalization',
  attributes: kinds,
  defaults,
  infer: ({ inputs, attributes }) => {
    const statistics: ValueType = { dtype: 'float32', shape: statisticsShape(inputs, attributes) };
    return [need(inputs, 0), statistics, statistics];
  },
  gradient: ({ inputs, outputs, gradients, attributes, wanted }) => {
    const [x, scale] = [need(inputs, 0), need(inputs, 1)];
    const [mean, inverse, dy] = [need(outputs, 1), need(outputs, 2), gradients[0]];
    const axes = normalized(x, attributes.axis);
    const normal = mul(sub(x, mean), inverse);
    const parts: Value[] = [];
    if (dy !== undefined && wanted[0] === true) {
      const dnormal = mul(dy, scale);
      const centred = sub(dnormal, reduceMean(dnormal, axes, true));
      parts.push(mul(inverse, sub(centred, mul(normal, reduceMean(mul(dnormal, normal), axes, true)))));
    }
    // Each element's share of the statistics: 1/n of the mean, −normal·inverse²/n of the inverse deviation.
    const share = (g: Value) => div(g, countOf(x, axes));
    if (gradients[1] !== undefined) parts.push(expand(share(gradients[1]), x.shape));
    if (gradients[2] !== undefined) {
      parts.push(neg(mul(normal, share(mul(gradients[2], mul(inverse, inverse))))));
    }
    const bias = inputs[2];
    return [
      wanted[0] ? parts.reduce((a, b) => add(a, b)) : undefined,
      wanted[1] && dy !== undefined ? besideGradient(mul(dy, normal), scale) : undefined,
      wanted[2] && dy !== undefined && bias !== undefined ? besideGradient(dy, bias) : undefined,
    ];
  },
});

function countOf({ shape }: Value, axes: readonly number[]): number {
  return axes.reduce((count, axis) => {
    const size = shape.at(axis);
    if (typeof size !== 'number') throw new ShapeError('give the normalized axes fixed sizes');
    return count * size;
  }, 1);
}

/** (x − mean) / √(variance + ε) · scale + bias over the last axis. */
export function layerNorm(x: Value, scale: Value, bias?: Value, epsilon = 1e-5): Value {
  const inputs = bias === undefined ? [x, scale] : [x, scale, bias];
  return x.graph.emit(LayerNormalization, inputs, { axis: -1, epsilon })[0] as Value;
}

/** 1 / √(mean of squares + ε) */
function inverseRoot(x: Value, axes: readonly number[], epsilon: number): Value {
  return reciprocal(sqrt(add(reduceMean(mul(x, x), axes, true), epsilon)));
}

function rmsGradient(
  { scale, normal, inverse, dy }: Record<'scale' | 'normal' | 'inverse' | 'dy', Value>,
  axes: readonly number[],
  wanted: readonly boolean[],
): (Value | undefined)[] {
  const dx = () => {
    const dnormal = mul(dy, scale);
    return mul(inverse, sub(dnormal, mul(normal, reduceMean(mul(dnormal, normal), axes, true))));
  };
  return [wanted[0] ? dx() : undefined, wanted[1] ? besideGradient(mul(dy, normal), scale) : undefined];
}

/**
 * x / √(mean of squares + ε) · scale over the axes from `axis` on: written as its parts, since ONNX has it only in
 * operator sets that ONNX Runtime optimizes less. Puts out also x / √… and 1 / √….
 */
export const RMSNormalization = composite<LayerNormAttributes>({
  name: 'RMSNormalization',
  attributes: kinds,
  defaults,
  expand: ({ inputs, attributes }) => {
    const [x, scale] = [need(inputs, 0), need(inputs, 1)];
    statisticsShape(inputs, attributes);
    const inverse = inverseRoot(x, normalized(x, attributes.axis), attributes.epsilon);
    const normal = mul(x, inverse);
    return [mul(normal, scale), normal, inverse];
  },
  gradient: ({ inputs, outputs, gradients, attributes, wanted }) => {
    const [x, scale, dy] = [need(inputs, 0), need(inputs, 1), need(gradients, 0)];
    const [normal, inverse] = [need(outputs, 1), need(outputs, 2)];
    return rmsGradient({ scale, normal, inverse, dy }, normalized(x, attributes.axis), wanted);
  },
});

/** x / √(mean of squares + ε) · scale over the last axis. */
export function rmsNorm(x: Value, scale: Value, epsilon = 1e-5): Value {
  return x.graph.emitComposite(RMSNormalization, [x, scale], { axis: -1, epsilon })[0] as Value;
}

/**
 * {@link RMSNormalization} as ONNX Runtime has it, in one node. Its second output, the inverse roots, is wrong on
 * WebGPU: the gradient computes them again.
 */
export const SimplifiedLayerNormalization = operator<LayerNormAttributes>({
  name: 'SimplifiedLayerNormalization',
  attributes: kinds,
  defaults,
  infer: ({ inputs, attributes }) => [
    need(inputs, 0),
    { dtype: 'float32', shape: statisticsShape(inputs, attributes) },
  ],
  gradient: ({ inputs, gradients, attributes, wanted }) => {
    const [x, scale, dy] = [need(inputs, 0), need(inputs, 1), gradients[0]];
    if (dy === undefined || gradients[1] !== undefined) {
      throw new NoGradient('its second output is not differentiated: compute what is needed from the input');
    }
    const axes = normalized(x, attributes.axis);
    const inverse = inverseRoot(x, axes, attributes.epsilon);
    return rmsGradient({ scale, normal: mul(x, inverse), inverse, dy }, axes, wanted);
  },
});

/**
 * x / ‖x‖ along an axis, ‖·‖ being the sum of magnitudes (p = 1) or the root of the sum of squares (p = 2). Where
 * everything is 0 the result is 0, and so is the gradient here: nothing has a direction.
 */
export const LpNormalization = operator<{ axis: number; p: number }>({
  name: 'LpNormalization',
  attributes: { axis: 'int', p: 'int' },
  defaults: { axis: -1, p: 2 },
  infer: ({ inputs, attributes: { axis, p } }) => {
    const x = need(inputs, 0);
    normalizeAxis(axis, x.shape.length);
    if (p !== 1 && p !== 2) throw new ShapeError(`p is ${p}, and has to be 1 or 2`);
    return [x];
  },
  gradient: ({ inputs, outputs, gradients, attributes: { axis, p } }) => {
    const [x, y, dy] = [need(inputs, 0), need(outputs, 0), need(gradients, 0)];
    const norm = p === 1 ? reduceSum(abs(x), [axis], true) : sqrt(reduceSumSquare(x, [axis], true));
    const direction = p === 1 ? sign(x) : y;
    const rest = sub(dy, mul(direction, reduceSum(mul(dy, y), [axis], true)));
    return [where(greater(norm, 0), div(rest, norm), 0)];
  },
});

/** x / ‖x‖ along an axis. */
export function lpNormalize(x: Value, axis = -1, p: 1 | 2 = 2): Value {
  return x.graph.emitOne(LpNormalization, [x], { axis, p });
}
