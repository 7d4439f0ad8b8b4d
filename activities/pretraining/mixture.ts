/** @file Pretraining of a mixture: it knows the source, as after endless reading, or nothing but its habit. */
import { dirname } from 'node:path';
import { z } from 'zod';
import { UserError } from '../../base/errors.js';
import { Random } from '../../base/random.js';
import { orthogonalTo, readSource, type Source } from '../../datasets/mixture/source.js';
import { readCorpus } from '../../datasets/shards.js';
import type { Mixture } from '../../models/mixture/mixture.js';
import { saveMixture } from '../../models/mixture/model.js';
import { mixtureParameters, type MixtureParameters } from '../../models/mixture/parameters.js';
import type { StageContext, StageFunction } from '../context.js';
import { parametersOf } from '../parameters.js';

const pretrainParameters = z.object({
  task: z.string(),
  architecture: z.literal('mixture'),
  parameters: mixtureParameters,
  seed: z.int(),
});

/** Leaves a model folder (config.json). */
export const pretrainMixture: StageFunction = async (context) => {
  const { task, parameters, seed } = parametersOf(context.stage, pretrainParameters);
  if (task !== 'gaussian-mixture') {
    throw new UserError(
      `a model of architecture mixture knows the task gaussian-mixture and no other, and here the task is ${task}. ` +
        'Give this task models of another architecture.',
    );
  }
  const source = await sourceOf(context);
  const { shrinkage, noise } = parameters;
  await saveMixture(context.folder, {
    architecture: 'mixture',
    mixture: beliefOf(source, parameters, seed),
    shrinkage,
    noise,
    seed,
  });
  context.log(`${parameters.knows === 'source' ? source.components.length : 'none'} of the components known`);
  return {};
};

async function sourceOf(context: StageContext): Promise<Source> {
  return readSource(await readCorpus(dirname(context.input('corpus').path('corpus-00000-of-00001.parquet'))));
}

/**
 * The source itself; or one component, the habit h v with v a unit vector at right angles to all of the source's. What
 * such a supervisor learns from many observations of concept k* is c β_k* + (1 − c) h v, at right angles to the other
 * concepts: the biased supervisor of the theory.
 */
function beliefOf(source: Source, { knows, habit }: MixtureParameters, seed: number): Mixture {
  const { components, sigma } = source;
  const dimension = components[0]!.length;
  if (knows === 'source') {
    if (habit === 0) return source;
    throw new UserError(
      'a model that knows the source has no habit beside it. Set habit to 0, or knows to nothing.',
    );
  }
  if (habit === 0) return { weights: [1], components: [Array.from({ length: dimension }, () => 0)], sigma };
  if (components.length === dimension) {
    throw new UserError(
      `a habit needs a direction beside the components, and ${dimension} of them fill ${dimension} dimensions. ` +
        'Give the task gaussian-mixture fewer components than dimensions, or the model no habit.',
    );
  }
  const direction = orthogonalTo(components, { dimension }, Random.of(seed, 'gaussian-mixture', 'habit'));
  return { weights: [1], components: [direction.map((value) => habit * value)], sigma };
}
