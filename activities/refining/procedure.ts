/** @file What a procedure of refinement is: the strong model's own answers to a shard, after what others answered. */
import { z } from 'zod';
import { splits, type Item, type Label, type TaskDefinition } from '../../datasets/task.js';
import type { Answerer } from '../answering/answerer.js';
import type { StageContext } from '../context.js';
import { shardParameter } from '../labelling/model.js';

export const refineParameters = z.object({
  task: z.string(),
  split: z.enum(splits),
  shard: shardParameter,
  procedure: z.string().default('icl'),
  examples: z.int().default(0),
  contexts: z.int().default(1),
  combine: z.enum(['mean', 'vote']).default('mean'),
  draw: z.enum(['drawn', 'batches']).default('drawn'),
  /** Templates that differ from the procedure's own. */
  prompts: z.record(z.string(), z.string()).default({}),
  grading: z.record(z.string(), z.unknown()).default({}),
  seed: z.int().default(0),
});

export interface RefineWork {
  readonly context: StageContext;
  readonly task: TaskDefinition;
  readonly answerer: Answerer;
  /** All items of the split. */
  readonly items: readonly Item[];
  /** The shard's own, to be labelled. */
  readonly own: readonly Item[];
  /** The supervisor's labels by item id; empty for k = 0. */
  readonly labels: ReadonlyMap<string, Label>;
  readonly asked: z.output<typeof refineParameters>;
}

export type Procedure = (work: RefineWork) => Promise<Label[]>;
