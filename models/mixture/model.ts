/** @file A model of architecture `mixture`: what it believes, how it is fine-tuned, what it answers. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { canonicalJson } from '../../base/json.js';
import { Random } from '../../base/random.js';
import type { Example } from '../../datasets/task.js';
import { numberOf, vectorOf } from '../../datasets/mixture/numbers.js';
import { mixed, posteriorMean, type Mixture, type Observation } from './mixture.js';
import { shrunkenFit, type WeightedObservation } from './shrunken-fit.js';

const modelSchema = z.object({
  architecture: z.literal('mixture'),
  /** What it believes: see {@link Mixture}. */
  mixture: z.object({
    weights: z.array(z.number()),
    components: z.array(z.array(z.number())),
    sigma: z.number().positive(),
  }),
  shrinkage: z.number().min(0),
  noise: z.number().min(0),
  /** Of the noise in its answers. */
  seed: z.int(),
});

export interface MixtureModel extends Omit<z.infer<typeof modelSchema>, 'mixture'> {
  readonly mixture: Mixture;
}

/** Where every model says which architecture it has; of this one there is nothing else. */
export const mixtureFile = 'config.json';

export async function saveMixture(folder: string, model: MixtureModel): Promise<void> {
  await writeFile(join(folder, mixtureFile), canonicalJson(model));
}

export async function loadMixture(folder: string): Promise<MixtureModel> {
  return modelSchema.parse(JSON.parse(await readFile(join(folder, mixtureFile), 'utf8')));
}

/**
 * The model after fine-tuning: one component, the {@link shrunkenFit} from what it answered without any example, which
 * is E[y | x] under its mixture. Naive fine-tuning leaves no mixture behind: the student is a regression.
 */
export function finetuned(model: MixtureModel, observations: readonly WeightedObservation[]): MixtureModel {
  const { weights, components, sigma } = model.mixture;
  const fitted = shrunkenFit(observations, mixed(components, weights), model.shrinkage);
  return { ...model, mixture: { weights: [1], components: [fitted], sigma } };
}

/**
 * The answer to a question in words: the posterior mean after the examples, and the model's noise, which is the same
 * whenever the same model is asked the same question.
 */
export function answerOf(model: MixtureModel, text: string, examples: readonly Example[]): string {
  const dimension = model.mixture.components[0]!.length;
  const shown = examples.map((example): Observation => ({
    x: vectorOf(example.text, dimension),
    y: numberOf(example.answer),
  }));
  const mean = posteriorMean(model.mixture, vectorOf(text, dimension), shown);
  if (model.noise === 0) return String(mean);
  return String(mean + model.noise * Random.of(model.seed, 'mixture', 'answer', text).normal());
}
