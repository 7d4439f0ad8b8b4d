/** @file The architectures a sweep can name, and their parameters. */
import { z } from 'zod';
import { mixtureParameters } from './mixture/parameters.js';

const count = z.int().min(1);

/** Parameters of a model as a sweep file gives them; the vocabulary's size follows from the tokenizer. */
export const architectures = {
  gpt: z.object({
    layers: count.describe('transformer blocks'),
    width: count.describe('width of the residual stream; a multiple of heads'),
    heads: count.default(4).describe('attention heads'),
    context: count.default(128).describe('tokens a model sees at most, the beginning-of-text token included'),
    tokenizer: z
      .enum(['bytes', 'words'])
      .default('words')
      .describe('bytes: UTF-8 bytes; words: a vocabulary learnt on the unlabelled text'),
    vocabulary: count.default(8192).describe('words in a learnt vocabulary at most'),
    pooling: z
      .enum(['last', 'mean'])
      .default('mean')
      .describe('what a classification head reads: the last token, or the mean over all tokens'),
  }),
  mixture: mixtureParameters,
} as const;

export type Architecture = keyof typeof architectures;
