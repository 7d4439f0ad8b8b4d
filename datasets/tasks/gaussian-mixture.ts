/** @file The task `gaussian-mixture`: regression on one concept of a source that mixes several, as in the theory. */
import { z } from 'zod';
import { Random } from '../../base/random.js';
import { numberOf, textOf } from '../mixture/numbers.js';
import { drawSource, writtenSource, type Source } from '../mixture/source.js';
import { bySplit, type Example, type Examples, type Item, type Label, type Split } from '../task.js';
import type { TaskDefinition } from '../task.js';

const sourceShape = {
  dimension: z.int().min(1).max(128).default(16).describe('numbers in a question x (d)'),
  components: z.int().min(2).max(128).default(8).describe('concepts that the source mixes (K, at most d)'),
  sigma: z.number().positive().default(1).describe('standard deviation of y around β_kᵀ x'),
};
const exampleShape = {
  ...sourceShape,
  concept: z.int().min(0).default(0).describe('the component that the target is about, counted from 0'),
  share: z
    .number()
    .positive()
    .max(1)
    .default(1)
    .describe(
      "weight of `concept` in the target's prior; the rest is spread evenly over the others (1 = it alone)",
    ),
  splits: z
    .strictObject({
      A: z.int().min(1).default(128),
      B: z.int().min(1).default(512),
      validation: z.int().min(0).default(0),
      test: z.int().min(1).default(256),
    })
    .prefault({})
    .describe('questions in each split'),
};

const parameters = z.strictObject(exampleShape).superRefine((p, context) => {
  const fail = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
  if (p.components > p.dimension)
    fail('components', `only ${p.dimension} components can be orthonormal in ${p.dimension} dimensions`);
  if (p.concept >= p.components)
    fail('concept', `concepts are counted from 0, so this is at most ${p.components - 1}`);
});
type Parameters = z.output<typeof parameters>;

const corpusParameters = z.object(sourceShape);
const exampleParameters = z.object(exampleShape);

/**
 * The setting of section 3 of arXiv 2405.16236. Source P: y | x ~ Σ_k α_k N(β_kᵀ x, σ²), β orthonormal, α uniform,
 * x uniform on [−1, 1]^d. Target Q: the same components under another prior q, so that
 *
 *     E_Q[y | x] = Σ_k q_k β_kᵀ x
 *
 * lies in the convex hull of the source's. The truth of A is observations y ~ Q(· | x), with their noise: all that a
 * supervisor has to learn from. The truth of B, validation and test is E_Q[y | x] itself: a right answer, so that the
 * mean squared error on test is the *excess* risk, E (f(x) − y)² less the σ² (and the variance of the concept) that
 * nobody can avoid; and so that the ceiling is the theory's, a student of the target itself.
 */
const gaussianMixture: TaskDefinition<Parameters> = {
  name: 'gaussian-mixture',
  summary: 'Regression on one concept of a mixture of linear models with Gaussian noise.',
  parameters,
  answer: 'number',
  metric: { name: 'risk', higherIsBetter: false },
  corpusLoss: 'all',
  files: [],
  resolve: (p) => p,
  corpusParameters: (p) => corpusParameters.parse(p),
  exampleParameters: (p) => exampleParameters.parse(p),
  corpus: async (p, seed) => Promise.resolve([writtenSource(drawSource(corpusParameters.parse(p), seed))]),
  examples: async (p, seed) => Promise.resolve(drawExamples(exampleParameters.parse(p), seed)),
  prompt: (item, examples) => [...examples.map(lineOf), item.text].join('\n'),
  grade: (answer, truth) => ({ score: (numberOf(answer) - numberOf(truth)) ** 2 }),
  oracle: async (p, seed, split) => Promise.resolve(bestAnswers(exampleParameters.parse(p), seed, split)),
};

export default gaussianMixture;

type Target = z.output<typeof exampleParameters>;

function drawExamples(p: Target, seed: number): Examples {
  const source = drawSource(p, seed);
  const xs = bySplit((split) => drawQuestions(p, seed, split));
  const prior = priorOf(p);
  const noise = Random.of(seed, 'gaussian-mixture', 'observations', p.concept);
  const observed = (x: readonly number[]): number =>
    product(source.components[drawn(prior, noise)]!, x) + source.sigma * noise.normal();
  const best = expectation(source, prior);
  return {
    items: bySplit((split) => xs[split].map((x, index) => itemOf(split, index, x))),
    truth: bySplit((split) =>
      xs[split].map((x, index) => ({
        id: idOf(split, index),
        label: 0,
        answer: String(split === 'A' ? observed(x) : product(best, x)),
      })),
    ),
    report: {
      task: 'gaussian-mixture',
      seed,
      counts: { dimension: p.dimension, components: p.components, ...p.splits },
      notes: [
        `Concept ${p.concept} of ${p.components}, with weight ${p.share} in the target; drawn from seed ${seed}.`,
        `A has noisy observations (σ = ${p.sigma}); B, validation and test have E[y | x], so that risk is excess risk.`,
      ],
    },
  };
}

function bestAnswers(p: Target, seed: number, split: Split): Label[] {
  const best = expectation(drawSource(p, seed), priorOf(p));
  return drawQuestions(p, seed, split).map((x, index) => ({
    id: idOf(split, index),
    label: 0,
    probabilities: [],
    answer: String(product(best, x)),
  }));
}

/** q [K] */
function priorOf({ components, concept, share }: Target): number[] {
  const rest = (1 - share) / (components - 1);
  return Array.from({ length: components }, (_, k) => (k === concept ? share : rest));
}

/** Σ_k q_k β_k [d] */
function expectation({ components }: Source, prior: readonly number[]): number[] {
  return components[0]!.map((_, j) => components.reduce((sum, beta, k) => sum + prior[k]! * beta[j]!, 0));
}

/** An index drawn with given probabilities. */
function drawn(probabilities: readonly number[], random: Random): number {
  let left = random.uniform();
  const index = probabilities.findIndex((probability) => (left -= probability) < 0);
  // Probabilities that sum to a little less than 1 leave a sliver at the end.
  return index === -1 ? probabilities.length - 1 : index;
}

/** Uniform on [−1, 1]^d; other questions for another concept. */
function drawQuestions(p: Target, seed: number, split: Split): number[][] {
  const random = Random.of(seed, 'gaussian-mixture', 'questions', p.concept, split);
  return Array.from({ length: p.splits[split] }, () =>
    Array.from({ length: p.dimension }, () => 2 * random.uniform() - 1),
  );
}

function product(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, index) => sum + value * b[index]!, 0);
}

function idOf(split: Split, index: number): string {
  return `${split}-${index}`;
}

function itemOf(split: Split, index: number, x: readonly number[]): Item {
  return { id: idOf(split, index), text: textOf(x), choices: [] };
}

function lineOf({ text, answer }: Example): string {
  return `${text} → ${answer}`;
}
