/** @file How a model says which of two responses is better, and the file of its folder that says so: preference.json. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { codeOf } from '../../base/errors.js';
import { canonicalJson } from '../../base/json.js';

const scale = z.number().positive();

const readingSchema = z.discriminatedUnion('by', [
  z.object({ by: z.literal('score') }),
  z.object({ by: z.literal('implicit-reward'), scale }),
  z.object({ by: z.literal('mean-log-probability'), scale }),
  z.object({ by: z.literal('log-odds') }),
]);

/**
 * The number whose difference d between two candidates makes σ(d) the probability that the first is better.
 *
 * - `score`: a reward model's.
 * - `implicit-reward`: scale · (ln p − ln p under the reference), DPO's (arXiv 2305.18290, section 4).
 * - `mean-log-probability`: scale · ln p / tokens, SimPO's (arXiv 2405.14734, section 2.2); with scale 1 what a language
 *   model has to say without any training on preferences.
 * - `log-odds`: ln of the odds of exp(ln p / tokens), ORPO's (arXiv 2403.07691, section 4).
 */
export type Reading = z.infer<typeof readingSchema>;

/** How a policy answers, whose loss was over ln p. */
export type PolicyReading = Exclude<Reading, { by: 'score' }>;

/** Of a language model that no loss over pairs has changed. */
export const untrainedReading: PolicyReading = { by: 'mean-log-probability', scale: 1 };

/** ln p of a response and how many tokens that is. */
export interface Likelihood {
  readonly logProbability: number;
  readonly length: number;
}

/** See {@link Reading}. `reference`: ln p under the reference; for `implicit-reward`. */
export function merit(reading: PolicyReading, likelihood: Likelihood, reference?: Likelihood): number {
  const mean = likelihood.logProbability / Math.max(likelihood.length, 1);
  switch (reading.by) {
    case 'implicit-reward':
      if (reference === undefined) throw new RangeError('an implicit reward is one beside a reference');
      return reading.scale * (likelihood.logProbability - reference.logProbability);
    case 'mean-log-probability':
      return reading.scale * mean;
    case 'log-odds': {
      const below = Math.min(mean, -1e-6);
      return below - Math.log(-Math.expm1(below));
    }
  }
}

/** [p, 1 − p] of two merits, p the probability that the first is the better one. */
export function preferenceOf(first: number, second: number): [number, number] {
  // Both by their own exponential: 1 − p would lose the digits of a small rest.
  const likely = (d: number): number => (d >= 0 ? 1 / (1 + Math.exp(-d)) : Math.exp(d) / (1 + Math.exp(d)));
  return [likely(first - second), likely(second - first)];
}

export const readingFile = 'preference.json';

export async function writeReading(folder: string, reading: Reading): Promise<void> {
  await writeFile(join(folder, readingFile), `${canonicalJson({ reading })}\n`);
}

/** Of a model's folder; {@link untrainedReading} for a language model that was not trained on preferences. */
export async function readReading(folder: string): Promise<Reading> {
  let text: string;
  try {
    text = await readFile(join(folder, readingFile), 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return untrainedReading;
    throw error;
  }
  const found = z.object({ reading: readingSchema }).safeParse(JSON.parse(text));
  if (found.success) return found.data.reading;
  throw new Error(`${join(folder, readingFile)} does not say how the model answers: ${text.trim()}`);
}
