/** @file What the parameters and the tasks of methods that only differ in their loss have in common. */
import { z } from 'zod';

/** Tasks whose answers are chosen: their losses read one logit a choice. A reward model's two scores are such logits. */
export const answersByChoice = ['next-token', 'classes', 'preference'] as const;

export const softOrHard = z
  .enum(['soft', 'hard'])
  .default('soft')
  .describe("soft: the weak supervisor's whole distribution; hard: its most likely answer");

export const balance = z
  .boolean()
  .default(false)
  .describe(
    "whether each batch's labels are first shifted to even classes, in log-odds (EleutherAI/w2s: balance_batch)",
  );
