/** @file Fine-tuning of a mixture on numbers: least squares with shrinkage, in closed form. */
import { UserError } from '../../base/errors.js';
import { numberOf, vectorOf } from '../../datasets/mixture/numbers.js';
import { finetuned, loadMixture, saveMixture } from '../../models/mixture/model.js';
import type { WeightedObservation } from '../../models/mixture/shrunken-fit.js';
import { folderOf } from '../artifacts.js';
import type { StageFunction } from '../context.js';
import { finetuneRequest, labelledItems } from './request.js';

/**
 * Leaves a model folder. There are no steps: the minimum of the squared errors (what cross entropy is for a Gaussian of
 * known variance) and of the shrinkage is computed outright, in less time than a checkpoint takes.
 */
export const finetuneMixture: StageFunction = async (context) => {
  const asked = finetuneRequest(context);
  if (asked.loss.name !== 'cross-entropy') {
    throw new UserError(
      `a model of architecture mixture is fitted by least squares, and knows nothing of the loss ${asked.loss.name}. ` +
        'Use methods that train with cross entropy: naive, icl-refinement.',
    );
  }
  const model = await loadMixture(folderOf(context.input('model')));
  const dimension = model.mixture.components[0]!.length;
  const labelled = await labelledItems(context, asked);
  const observations = labelled.map(({ item, label, weight }): WeightedObservation => {
    if (label.answer === undefined)
      throw new RangeError(`the label of ${item.id} has no answer, and its task is answered by numbers`);
    return { x: vectorOf(item.text, dimension), y: numberOf(label.answer), weight };
  });
  await saveMixture(context.folder, finetuned(model, observations));
  context.log(`fitted to ${observations.length} labels with shrinkage ${model.shrinkage}`);
  return {};
};
