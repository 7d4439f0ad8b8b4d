/** @file Training on answers in words: cross entropy of each answer's tokens, given its prompt. */
import { UserError } from '../../base/errors.js';
import { crossEntropy, gatherUnique, max, mul, reduceSum } from '../../onnx/operators/index.js';
import { buildTrainingProgram, type TrainingProgram } from '../../onnx/program.js';
import type { Batch } from '../../onnx/trainer.js';
import { gptFinalNorm, type GptConfig, gptHidden, gptLogits } from '../gpt.js';
import { modelParameters } from '../heads.js';
import type { Tokenizer } from '../tokenizer.js';
import { optimization, type Training } from '../training.js';

/** A prompt and its answer in tokens. */
export interface AnswerRow {
  /** Prompt, answer and end of text. */
  readonly tokens: readonly number[];
  /** How many of them are the prompt: nothing is learnt on these. */
  readonly prompt: number;
  /** How much the answer counts beside others. */
  readonly weight: number;
}

export interface AnswerSize {
  /** Tokens that the model reads in a row: one less than the longest. */
  readonly length: number;
  /** Tokens of the longest answer, its end included. */
  readonly answer: number;
}

/**
 * A prompt with its answer. Where both do not fit into the context, the answer is cut off, and with it its end, so that
 * nobody learns to stop in the middle.
 *
 * @throws UserError for an answer of no tokens, or a prompt that leaves no room for one
 */
export function answerRow(
  { tokenizer, context }: { tokenizer: Tokenizer; context: number },
  { prompt, answer, weight = 1, id }: { prompt: string; answer: string; weight?: number; id: string },
): AnswerRow {
  const asked = [tokenizer.bos, ...tokenizer.encode(prompt)];
  const answered = tokenizer.encode(answer);
  if (answered.length === 0) {
    throw new UserError(
      `the answer to item ${id}, ${JSON.stringify(answer)}, has no token: there is nothing to learn from it. ` +
        'Leave such items out, or give the model a tokenizer that knows the text (tokenizer: bytes).',
    );
  }
  if (asked.length >= context) {
    throw new UserError(
      `the prompt of item ${id} has ${asked.length} tokens, and the model's context of ${context} leaves no room for ` +
        'an answer. Give the model a longer context.',
    );
  }
  const tokens = [...asked, ...answered, tokenizer.bos].slice(0, context + 1);
  return { tokens, prompt: asked.length, weight };
}

/** The smallest size that holds some rows. */
export function answerSize(rows: readonly AnswerRow[]): AnswerSize {
  return rows.reduce(
    ({ length, answer }, { tokens, prompt }) => ({
      length: Math.max(length, tokens.length - 1),
      answer: Math.max(answer, tokens.length - prompt),
    }),
    { length: 0, answer: 0 },
  );
}

/**
 * Σ over the batch's items of weight · Σ over the answer's tokens of −ln p, divided by the number of answer tokens in the
 * batch: the mean over tokens, as usual in supervised fine-tuning, so that long answers count more than short ones.
 */
export function answerProgram(
  config: GptConfig,
  { length, answer, training }: AnswerSize & { training: Training },
): TrainingProgram {
  const { batch } = training;
  const places = batch * answer;
  return buildTrainingProgram({
    parameters: modelParameters(config),
    inputs: [
      { name: 'tokens', dtype: 'int32', shape: [batch, length] },
      { name: 'places', dtype: 'int32', shape: [places] },
      { name: 'targets', dtype: 'int32', shape: [places] },
      { name: 'weights', dtype: 'float32', shape: [places] },
      { name: 'counts', dtype: 'float32', shape: [places] },
    ],
    loss: (_graph, parameters, inputs) => {
      const hidden = gptHidden(config, parameters, inputs('tokens')); // [B·T, D]
      const read = gptFinalNorm(parameters, gatherUnique(hidden, inputs('places'))); // [N, D]
      const losses = crossEntropy(gptLogits(parameters, read), inputs('targets')); // [N]
      return {
        total: reduceSum(mul(losses, inputs('weights'))),
        count: max(reduceSum(inputs('counts')), 1e-20),
      };
    },
    ...optimization(training),
  });
}

/** Rows as a step of {@link answerProgram} takes them: [B·answer] places, filled up with others that count nothing. */
export function answerBatch(rows: readonly AnswerRow[], { length, answer }: AnswerSize): Batch {
  const tokens = new Int32Array(rows.length * length);
  const places = new Int32Array(rows.length * answer);
  const targets = new Int32Array(rows.length * answer);
  const weights = new Float32Array(rows.length * answer);
  const counts = new Float32Array(rows.length * answer);
  rows.forEach((row, r) => {
    const learnt = row.tokens.length - row.prompt;
    if (row.tokens.length > length + 1 || learnt > answer) {
      throw new RangeError(
        `row ${r} has ${row.tokens.length} tokens, ${learnt} of them its answer: ${length + 1} and ${answer} fit`,
      );
    }
    tokens.set(row.tokens.slice(0, length), r * length);
    // The answer's first token is predicted at the prompt's last.
    const predicting = Array.from({ length }, (_, i) => i);
    const own = predicting.slice(row.prompt - 1, row.prompt - 1 + learnt);
    const others = [...predicting.slice(0, row.prompt - 1), ...predicting.slice(row.prompt - 1 + learnt)];
    [...own, ...others].slice(0, answer).forEach((position, i) => {
      const at = r * answer + i;
      places[at] = r * length + position;
      if (i >= learnt) return;
      targets[at] = row.tokens[position + 1] as number;
      weights[at] = row.weight;
      counts[at] = 1;
    });
  });
  return { tokens, places, targets, weights, counts };
}
