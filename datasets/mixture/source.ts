/** @file The source of the theory: K orthonormal linear models with the same noise, each as likely. */
import { z } from 'zod';
import { Random } from '../../base/random.js';

const sourceSchema = z.object({
  /** α [K] */
  weights: z.array(z.number()),
  /** β [K][d], orthonormal */
  components: z.array(z.array(z.number())),
  sigma: z.number(),
});

export type Source = z.infer<typeof sourceSchema>;

export interface SourceShape {
  readonly dimension: number;
  readonly components: number;
  readonly sigma: number;
}

/** The source of a seed: Gaussian vectors made orthonormal (Gram–Schmidt), so uniform over all such frames. */
export function drawSource(shape: SourceShape, seed: number): Source {
  const random = Random.of(seed, 'gaussian-mixture', 'source');
  const components: number[][] = [];
  while (components.length < shape.components) components.push(orthogonalTo(components, shape, random));
  return {
    weights: components.map(() => 1 / shape.components),
    components,
    sigma: shape.sigma,
  };
}

/** A random direction at right angles to given orthonormal ones; needs fewer of them than dimensions. */
export function orthogonalTo(
  given: readonly (readonly number[])[],
  { dimension }: { readonly dimension: number },
  random: Random,
): number[] {
  if (given.length >= dimension)
    throw new RangeError(`in ${dimension} dimensions nothing is at right angles to ${given.length} others`);
  let vector = Array.from({ length: dimension }, () => random.normal());
  // Twice: what rounding left of the first subtraction goes with the second (Kahan: "twice is enough").
  for (const other of [...given, ...given]) {
    const along = vector.reduce((sum, value, i) => sum + value * other[i]!, 0);
    vector = vector.map((value, i) => value - along * other[i]!);
  }
  const length = Math.sqrt(vector.reduce((sum, value) => sum + value ** 2, 0));
  return vector.map((value) => value / length);
}

/** What endless reading of the source would teach, in one text: the corpus of the task. */
export function writtenSource(source: Source): string {
  return JSON.stringify(source);
}

/** Throws an Error where the texts are not the one that {@link writtenSource} makes. */
export function readSource(texts: readonly string[]): Source {
  const [text, ...more] = texts;
  if (text === undefined || more.length > 0)
    throw new Error(`the corpus of gaussian-mixture is one text, not ${texts.length}`);
  return sourceSchema.parse(JSON.parse(text));
}
