/** @file Cross entropy of tokens: the next one (causal), or those that were masked. */
import { crossEntropy, mul, reduceSum } from '../../onnx/operators/index.js';
import type { TokenLoss } from './loss.js';

/** −log p of each token given those before it, averaged over all that count. */
export const languageModelLoss: TokenLoss = tokenCrossEntropy(1);

/** The same of tokens that were hidden from an encoder (BERT's masked language model): labels stand where they are. */
export const maskedLanguageModelLoss: TokenLoss = tokenCrossEntropy(0);

function tokenCrossEntropy(shift: 0 | 1): TokenLoss {
  return {
    reads: 'tokens',
    shift,
    build: ({ logits, labels, weights }) => {
      // No accuracy beside it: it would go over the widest tensor of the model once more.
      const losses = mul(crossEntropy(logits, labels), weights); // [P]
      return { total: reduceSum(losses), count: reduceSum(weights) };
    },
  };
}
