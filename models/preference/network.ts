/** @file What is read off a transformer for a pair of candidates: a reward each, or how likely each is. */
import type { Value } from '../../onnx/graph.js';
import { crossEntropy, gatherUnique, mul, neg, reduceSum, reshape } from '../../onnx/operators/index.js';
import type { Lookup } from '../../onnx/program.js';
import { gptFinalNorm, type GptConfig, gptHidden, gptLogits } from '../gpt.js';
import { type Head, headLogits } from '../heads.js';

/** A reward model's head: one number, read off the last token of prompt and response. */
export const rewardHead: Head = { kind: 'classification', classes: 1, pooling: 'last' };

export interface ScoreInputs {
  /** [N, T]: a candidate a row, padded on the right. */
  readonly tokens: Value;
  /** [N]: index of each row's last token. */
  readonly last: Value;
}

/** A reward for each candidate: [N]. */
export function candidateScores(config: GptConfig, parameters: Lookup, inputs: ScoreInputs): Value {
  return reshape(headLogits(config, rewardHead, parameters, inputs), [inputs.tokens.shape[0] as number]);
}

export interface PolicyInputs {
  /** [N, T]: a candidate a row, padded on the right; its last token is not read. */
  readonly tokens: Value;
  /** [N·R]: places in the rows behind one another (row·T + position) after which a token of a response stands. */
  readonly positions: Value;
  /** [N·R]: the token that stands there. */
  readonly next: Value;
  /** [N, R]: 1 for a token of the response, 0 for what fills up. */
  readonly mask: Value;
}

/**
 * ln p of each response given its prompt, summed over its own tokens alone, and how many these are: [N] each. Only at those
 * places the vocabulary is gone through.
 */
export function responseLogProbabilities(
  config: GptConfig,
  parameters: Lookup,
  { tokens, positions, next, mask }: PolicyInputs,
): { logProbabilities: Value; lengths: Value } {
  const [rows, places] = mask.shape as [number, number];
  const read = gatherUnique(gptHidden(config, parameters, tokens), positions); // [N·R, D]
  const logits = gptLogits(parameters, gptFinalNorm(parameters, read)); // [N·R, V]
  const each = reshape(neg(crossEntropy(logits, next)), [rows, places]);
  return {
    logProbabilities: reduceSum(mul(each, mask), [1]),
    lengths: reduceSum(mask, [1]),
  };
}
