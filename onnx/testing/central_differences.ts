/** @file Checking gradients against central differences. */
import { Random } from '../../base/random.js';
import { differentiate } from '../differentiate.js';
import { evaluator } from '../evaluate.js';
import { Graph, type Value } from '../graph.js';
import { mul, reduceSum } from '../operators/index.js';
import { sameShape, shapeText } from '../shape.js';
import { dataOf, type HostTensor, sizeOf } from '../tensor.js';

/** An input to be differentiated by, filled with random numbers. */
export interface Argument {
  readonly shape: readonly number[];
  /** Numbers are drawn from here; away from poles. Default −2 … 2. */
  readonly between?: readonly [number, number];
  /** All elements differ by at least 0.05, so that no step crosses a tie. */
  readonly apart?: boolean;
  /** Where the function has kinks or jumps: no number is drawn close to one. */
  readonly kinks?: readonly number[];
}

/** A function to check, and where. */
export interface GradientCase {
  /** What messages call it: attributes, mostly. */
  readonly text: string;
  readonly specs: readonly Argument[];
  readonly build: (...values: Value[]) => Value;
  /** For what ONNX Runtime has no float64 kernel: the same function of operators that have one. */
  readonly reference?: (...values: Value[]) => Value;
  /** A function of single numbers, of one argument: what each element should be. */
  readonly scalar?: (x: number) => number;
  /** Without float64 kernel and without {@link reference}: differences are taken of {@link scalar}. */
  readonly isSingle?: boolean;
}

type Precision = 'float64' | 'float32';

/** What the precision that something runs in allows to ask of differences. */
const precisions = {
  float64: { step: 1e-5, tolerance: 1e-7 },
  float32: { step: 2e-2, tolerance: 5e-3 },
} as const;

/** Of gradients in float32 against differences in float64: the rounding of some dozen operations. */
const mixedTolerance = 2e-5;

/**
 * Differentiates Σ weights·f(arguments), weights random, and compares each derivative with
 * (f(x + h) − f(x − h)) / 2h.
 *
 * @returns the largest difference relative to max(1, |derivative|), divided by the tolerance: 1 is the limit
 */
export async function gradientError(
  build: (...values: Value[]) => Value,
  specs: readonly Argument[],
  dtype: Precision = 'float64',
): Promise<number> {
  const point = drawPoint(specs);
  const given = await gradientsAt(build, specs, point, dtype);
  const { step, tolerance } = precisions[dtype];
  const expected = await differencesOf(build, specs, point, dtype, step);
  return (
    Math.max(0, ...given.gradients.map((gradient, i) => distance(gradient, expected[i] as number[]))) /
    tolerance
  );
}

/** {@link gradientError}, of a case; forward, it has to be what the reference or the scalar function says, too. */
export async function caseError({
  build,
  specs,
  reference,
  scalar,
  isSingle = false,
}: GradientCase): Promise<number> {
  const isMixed = isSingle || reference !== undefined;
  if (reference === undefined && scalar === undefined) {
    if (isSingle) throw new Error('a function without float64 kernel needs a reference');
    return gradientError(build, specs);
  }
  // Numbers that float32 has: the reference sees the same ones.
  const point = drawPoint(specs).map((numbers) => numbers.map((x) => (isMixed ? Math.fround(x) : x)));
  const given = await gradientsAt(build, specs, point, isMixed ? 'float32' : 'float64');
  const { step, tolerance } = precisions.float64;
  const limit = isMixed ? mixedTolerance : tolerance;
  let worst = 0;
  const compare = (found: readonly number[], expected: readonly number[]) => {
    worst = Math.max(worst, distance(found, expected) / limit);
  };
  if (reference !== undefined) {
    const expected = await differencesOf(reference, specs, point, 'float64', step);
    given.gradients.forEach((gradient, i) => compare(gradient, expected[i] as number[]));
    compare(given.output, await outputOf(reference, specs, point, 'float64'));
  }
  if (scalar !== undefined) {
    const [numbers = []] = point;
    compare(given.output, numbers.map(scalar));
    compare(
      given.gradients[0] as number[],
      numbers.map(
        (x, i) => ((scalar(x + step) - scalar(x - step)) / (2 * step)) * (given.weights[i] as number),
      ),
    );
  }
  return worst;
}

function distance(found: readonly number[], expected: readonly number[]): number {
  if (found.length !== expected.length) return Infinity;
  return expected.reduce((worst, value, i) => {
    const error = Math.abs((found[i] as number) - value) / Math.max(1, Math.abs(value));
    return Math.max(worst, Number.isNaN(error) ? Infinity : error);
  }, 0);
}

/** The loss of a function: Σ weights·f, the weights by the shape of what comes out. */
function weightedLoss(
  build: (...values: Value[]) => Value,
  specs: readonly Argument[],
  dtype: Precision,
): { graph: Graph; inputs: Value[]; output: Value; loss: Value; weights: number[] } {
  const graph = new Graph();
  const inputs = specs.map(({ shape }, i) => graph.input(`x${i}`, dtype, shape));
  const output = build(...inputs);
  const shape = output.shape as number[];
  const random = Random.of(1, 'weights of outputs', JSON.stringify(shape));
  const weights = Array.from({ length: sizeOf(shape) }, () => Math.fround(random.uniform() * 2 - 1));
  const loss = reduceSum(mul(output, graph.constant(dtype, shape, weights)));
  return { graph, inputs, output, loss, weights };
}

function feedsOf(specs: readonly Argument[], point: readonly number[][], dtype: Precision) {
  return Object.fromEntries(
    specs.map(({ shape }, i): [string, HostTensor] => [
      `x${i}`,
      { shape, data: dataOf(dtype, point[i] as number[]) },
    ]),
  );
}

async function gradientsAt(
  build: (...values: Value[]) => Value,
  specs: readonly Argument[],
  point: readonly number[][],
  dtype: Precision,
): Promise<{ gradients: number[][]; output: number[]; weights: number[] }> {
  const { inputs, output, loss, weights } = weightedLoss(build, specs, dtype);
  const gradients = differentiate(loss, inputs);
  const outputs = Object.fromEntries(gradients.map((gradient, i) => [`gradient${i}`, gradient]));
  const ready = await evaluator({ output, ...outputs });
  try {
    const results = await ready.run(feedsOf(specs, point, dtype));
    const numbers = (name: string) => Array.from(results[name]?.data ?? [], Number);
    const { shape = [] } = results['output'] ?? {};
    if (!sameShape(shape, output.shape)) {
      throw new Error(`ONNX Runtime puts out ${shapeText(shape)}, and ${output.typeText} was inferred`);
    }
    return { gradients: specs.map((_, i) => numbers(`gradient${i}`)), output: numbers('output'), weights };
  } finally {
    await ready.release();
  }
}

async function outputOf(
  build: (...values: Value[]) => Value,
  specs: readonly Argument[],
  point: readonly number[][],
  dtype: Precision,
): Promise<number[]> {
  const ready = await evaluator({ output: weightedLoss(build, specs, dtype).output });
  try {
    return Array.from((await ready.run(feedsOf(specs, point, dtype)))['output']?.data ?? [], Number);
  } finally {
    await ready.release();
  }
}

async function differencesOf(
  build: (...values: Value[]) => Value,
  specs: readonly Argument[],
  point: readonly number[][],
  dtype: Precision,
  step: number,
): Promise<number[][]> {
  const ready = await evaluator({ loss: weightedLoss(build, specs, dtype).loss });
  try {
    const feeds = feedsOf(specs, point, dtype);
    const lossAt = async () => Number((await ready.run(feeds))['loss']?.data[0]);
    const differences: number[][] = [];
    for (const [i] of specs.entries()) {
      const data = feeds[`x${i}`]?.data as Float64Array;
      const own: number[] = [];
      for (let k = 0; k < data.length; k++) {
        const x = data[k] as number;
        data[k] = x + step;
        const above = await lossAt();
        data[k] = x - step;
        const below = await lossAt();
        data[k] = x;
        own.push((above - below) / (2 * step));
      }
      differences.push(own);
    }
    return differences;
  } finally {
    await ready.release();
  }
}

function drawPoint(specs: readonly Argument[]): number[][] {
  const random = Random.of(1, 'central differences', JSON.stringify(specs));
  return specs.map((spec) => draw(spec, random));
}

function draw(
  { shape, between: [low, high] = [-2, 2], apart = false, kinks = [] }: Argument,
  random: Random,
): number[] {
  const count = sizeOf(shape);
  const spacing = (high - low) / count;
  const drawn = apart
    ? random.shuffled(Array.from({ length: count }, (_, i) => low + (i + 0.5) * spacing))
    : Array.from({ length: count }, () => low + (high - low) * random.uniform());
  const clear = 0.03;
  return drawn.map((x) => {
    const near = kinks.find((kink) => Math.abs(x - kink) < clear);
    return near === undefined ? x : near + (x < near ? -clear : clear);
  });
}
