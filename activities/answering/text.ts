/** @file The built-in GPT on tasks that are answered in words: it writes on behind the task's prompt. */
import type { Label } from '../../datasets/task.js';
import { loadModel } from '../../models/model.js';
import { Predictor } from '../../models/predict.js';
import { Writer, type WritingOptions } from '../../models/text/writer.js';
import { parseDevice } from '../../onnx/device.js';
import type { OpenAnswerer } from './answerer.js';

/** Tokens of an answer where the task says nothing. */
const usualTokens = 32;

export const openText: OpenAnswerer = async ({ context, task, folder }) => {
  const model = await loadModel(folder);
  const device = parseDevice(`cpu:${context.threads}`);
  const writer = await Writer.create(model, { device });
  const usual: WritingOptions = {
    tokens: task.answerTokens ?? usualTokens,
    stop: task.answerStops ?? [],
    between: async ({ ended, of }) => {
      context.progress({ step: ended, of });
      await context.breathe();
    },
  };
  const answered = async (prompts: readonly string[], options: Partial<WritingOptions> = {}) =>
    (await writer.write(prompts, { ...usual, ...options })).map((row) => row.map(({ text }) => text));
  let predictor: Predictor | undefined;
  return {
    async answers(questions, samples): Promise<Label[]> {
      const prompts = questions.map(({ item, examples = [] }) => task.prompt(item, examples));
      const likeliest = await answered(prompts);
      const drawn =
        samples === undefined
          ? undefined
          : await answered(prompts, {
              samples: samples.count,
              temperature: samples.temperature,
              seed: samples.seed,
            });
      return questions.map(({ item }, index) => ({
        id: item.id,
        label: 0,
        probabilities: [],
        answer: likeliest[index]![0]!,
        ...(drawn === undefined ? {} : { texts: drawn[index]! }),
      }));
    },
    write: async (prompts, options) => (await answered(prompts, options)).map(([text]) => text!),
    async activations(items, layer = Math.floor(model.config.layers / 2)) {
      predictor ??= await Predictor.create(model, { device });
      const { tokenizer } = model;
      return predictor.activations(
        items.map((item) => ({ tokens: [tokenizer.bos, ...tokenizer.encode(task.prompt(item, []))] })),
        layer,
      );
    },
    async release() {
      await writer.release();
      await predictor?.release();
    },
  };
};
