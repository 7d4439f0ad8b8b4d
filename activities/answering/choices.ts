/** @file The built-in GPT on tasks with choices: by its next token, by its head, or by how likely it finds each class. */
import type { Item, Label } from '../../datasets/task.js';
import { loadModel, type Model } from '../../models/model.js';
import { Predictor } from '../../models/predict.js';
import { parseDevice } from '../../onnx/device.js';
import type { OpenAnswerer, Question } from './answerer.js';
import { labelOf } from './label.js';
import { classRowsOf, rowOf } from './rows.js';

export const openChoices: OpenAnswerer = async ({ context, task, folder }) => {
  const model = await loadModel(folder);
  const predictor = await Predictor.create(model, { device: parseDevice(`cpu:${context.threads}`) });
  // A language model has no head for classes: it is asked how likely it finds their names behind the text.
  const byName = task.answer === 'classes' && model.head === undefined;
  const chosen = (questions: readonly Question[]): Promise<number[][]> =>
    predictor.choiceProbabilities(
      questions.map(({ item, examples = [] }) => rowOf(task, model, item, examples)),
    );
  return {
    async answers(questions): Promise<Label[]> {
      const probabilities = byName
        ? await byLikelihood(predictor, model, task, questions)
        : await chosen(questions);
      return questions.map(({ item }, index) => labelOf(item.id, probabilities[index]!));
    },
    activations: (items: readonly Item[], layer = Math.floor(model.config.layers / 2)) =>
      predictor.activations(
        items.map((item) => rowOf(task, model, item)),
        layer,
      ),
    release: () => predictor.release(),
  };
};

/** Softmax over the mean log-probability of each class's name, so that long names are not punished. */
async function byLikelihood(
  predictor: Predictor,
  model: Model,
  task: Parameters<typeof classRowsOf>[0],
  questions: readonly Question[],
): Promise<number[][]> {
  const rows = questions.map(({ item, examples = [] }) => classRowsOf(task, model, item, examples));
  const losses = await predictor.languageModelLosses(rows.flat());
  let start = 0;
  return rows.map((own) => {
    const means = losses.slice(start, (start += own.length)).map(({ loss, weight }) => -loss / weight);
    const highest = Math.max(...means);
    const powers = means.map((value) => Math.exp(value - highest));
    const sum = powers.reduce((total, power) => total + power, 0);
    return powers.map((power) => power / sum);
  });
}
