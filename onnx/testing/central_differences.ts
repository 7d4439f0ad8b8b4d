/** @file Checking gradients against central differences. */
import { Random } from '../../base/random.js';
import { differentiate } from '../differentiate.js';
import { evaluator } from '../evaluate.js';
import { Graph, type Value } from '../graph.js';
import { mul, reduceSum } from '../operators/index.js';
import { dataOf, type DataType, type HostTensor, sizeOf } from '../tensor.js';

/** An input to be differentiated by, filled with random numbers. */
export interface Argument {
  readonly shape: readonly number[];
  /** Numbers are drawn from here; away from kinks and poles. Default −2 … 2. */
  readonly between?: readonly [number, number];
  /** All elements differ by at least 0.05, so that no step crosses a tie. */
  readonly apart?: boolean;
}

/** The precision that ONNX Runtime has a kernel for, and what it allows to ask of differences. */
const precisions = {
  float64: { step: 1e-5, tolerance: 1e-7 },
  float32: { step: 2e-2, tolerance: 5e-3 },
} as const;

/**
 * Differentiates Σ weights·f(arguments), weights random, and compares each derivative with
 * (f(x + h) − f(x − h)) / 2h.
 *
 * @returns the largest difference relative to max(1, |derivative|), divided by the tolerance: 1 is the limit
 */
export async function gradientError(
  build: (...values: Value[]) => Value,
  specs: readonly Argument[],
  dtype: keyof typeof precisions & DataType = 'float64',
): Promise<number> {
  const random = Random.of(1, 'central differences', JSON.stringify(specs));
  const graph = new Graph();
  const values = specs.map(({ shape }, i) => graph.input(`x${i}`, dtype, shape));
  const y = build(...values);
  const weights = graph.constant(
    dtype,
    y.shape as number[],
    Array.from({ length: sizeOf(y.shape as number[]) }, () => random.uniform() * 2 - 1),
  );
  const loss = reduceSum(mul(y, weights));
  const gradients = differentiate(loss, values);
  const outputs = Object.fromEntries(gradients.map((gradient, i) => [`gradient${i}`, gradient]));
  const ready = await evaluator({ loss, ...outputs });
  const lossOnly = await evaluator({ loss });
  try {
    const point: Record<string, HostTensor> = Object.fromEntries(
      specs.map((spec, i) => [`x${i}`, { shape: spec.shape, data: dataOf(dtype, draw(spec, random)) }]),
    );
    const analytic = await ready.run(point);
    const { step, tolerance } = precisions[dtype];
    const lossAt = async () => Number((await lossOnly.run(point))['loss']?.data[0]);
    let worst = 0;
    for (const [i] of specs.entries()) {
      const data = point[`x${i}`]?.data as Float64Array;
      const given = analytic[`gradient${i}`]?.data as Float64Array;
      for (let k = 0; k < data.length; k++) {
        const x = data[k] as number;
        data[k] = x + step;
        const above = await lossAt();
        data[k] = x - step;
        const below = await lossAt();
        data[k] = x;
        const expected = (above - below) / (2 * step);
        const error = Math.abs((given[k] as number) - expected) / Math.max(1, Math.abs(expected));
        worst = Math.max(worst, Number.isNaN(error) ? Infinity : error / tolerance);
      }
    }
    return worst;
  } finally {
    await ready.release();
    await lossOnly.release();
  }
}

function draw({ shape, between: [low, high] = [-2, 2], apart = false }: Argument, random: Random): number[] {
  const count = sizeOf(shape);
  if (!apart) return Array.from({ length: count }, () => low + (high - low) * random.uniform());
  const spacing = (high - low) / count;
  return random.shuffled(Array.from({ length: count }, (_, i) => low + (i + 0.5) * spacing));
}
