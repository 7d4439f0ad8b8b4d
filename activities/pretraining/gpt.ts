/** @file Pretraining of the built-in GPT: a model from its seed, its tokenizer learnt on the corpus, trained as a language model. */
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { readCorpus } from '../../datasets/shards.js';
import { taskNamed } from '../../datasets/tasks.js';
import { architectures } from '../../models/architectures.js';
import { initialiseGpt, type GptConfig } from '../../models/gpt.js';
import { exportOnnx, saveModel } from '../../models/model.js';
import { byteTokenizer, learnWords, type Tokenizer } from '../../models/tokenizer.js';
import { languageModelBatch, languageModelProgram, type LanguageModelRow } from '../../models/training.js';
import { pretrainSchema } from '../../spec/index.js';
import type { StageFunction } from '../context.js';
import { writeCurve } from '../curve.js';
import { epochOrder } from '../order.js';
import { parametersOf } from '../parameters.js';
import { train } from '../training-loop.js';
import { trainingOf } from '../training-settings.js';

const pretrainParameters = z.object({
  task: z.string(),
  architecture: z.literal('gpt'),
  parameters: architectures.gpt,
  pretraining: pretrainSchema,
  seed: z.int(),
});

/** Leaves a model folder (config.json, model.safetensors, tokenizer.json, model.onnx) and training.json. */
export const pretrainGpt: StageFunction = async (context) => {
  const { task, parameters, pretraining, seed } = parametersOf(context.stage, pretrainParameters);
  const texts = await readCorpus(dirname(context.input('corpus').path('corpus-00000-of-00001.parquet')));
  const tokenizer =
    parameters.tokenizer === 'bytes'
      ? byteTokenizer()
      : learnWords(texts, { maxSize: parameters.vocabulary });
  const config: GptConfig = {
    architecture: 'gpt',
    layers: parameters.layers,
    width: parameters.width,
    heads: parameters.heads,
    context: parameters.context,
    vocabulary: tokenizer.vocabularySize,
  };
  const fresh = initialiseGpt(config, seed);
  const training = trainingOf(pretraining, pretraining.steps);
  context.log(`${texts.length} texts, vocabulary ${tokenizer.vocabularySize}, ${training.steps} steps`);

  let trained = fresh;
  if (training.steps > 0) {
    const { answer, corpusLoss } = taskNamed(task);
    const reading = { everySecond: corpusLoss === 'every-second', ends: answer === 'text' };
    const rows = texts.map((text) => rowOf(text, tokenizer, config.context, reading));
    const longest = rows.reduce((length, { tokens }) => Math.max(length, tokens.length), 0);
    const counting = rows.reduce((count, row) => Math.max(count, countingTokens(row)), 0);
    const size = { length: longest - 1, positions: counting };
    const order = epochOrder(rows.length, training.batch, seed, 'pretrain');
    const result = await train(context, {
      program: languageModelProgram(config, { ...size, training }),
      steps: training.steps,
      parameters: fresh,
      batchAt: (step) =>
        languageModelBatch(
          order(step).map((index) => rows[index]!),
          size,
        ),
    });
    trained = result.parameters;
    await writeCurve(context.folder, result.losses);
  }
  const model = { config, tokenizer, parameters: trained };
  await saveModel(context.folder, model);
  await exportOnnx(model, join(context.folder, 'model.onnx'));
  return {};
};

/**
 * A text behind the beginning-of-text token, cut to the context. Where the model is to write (`ends`), the same token
 * ends it, so that the model learns where texts do.
 */
function rowOf(
  text: string,
  tokenizer: Tokenizer,
  context: number,
  { everySecond, ends }: { everySecond: boolean; ends: boolean },
): LanguageModelRow {
  const end = ends ? [tokenizer.bos] : [];
  const tokens = [tokenizer.bos, ...tokenizer.encode(text), ...end].slice(0, context);
  // The text's second, fourth, … tokens stand at the even places behind the beginning-of-text token.
  return everySecond
    ? { tokens, weights: tokens.map((_, place) => (place > 0 && place % 2 === 0 ? 1 : 0)) }
    : { tokens };
}

function countingTokens({ tokens, weights }: LanguageModelRow): number {
  return weights === undefined ? tokens.length - 1 : weights.filter((weight) => weight > 0).length;
}
