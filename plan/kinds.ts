/** @file The version of every stage kind: raised whenever a stage of that kind would leave other bytes. */
import type { StageKind } from './stage.js';

/**
 * Part of every key. A golden artifact per kind fails a test when its bytes change and the number here does not;
 * so does a default in a schema, since values equal to their defaults are left out of keys.
 */
export const stageVersions: Record<StageKind, number> = {
  shard: 1,
  pretrain: 1,
  finetune: 1,
  label: 1,
  refine: 1,
  relabel: 1,
  evaluate: 2,
  score: 2,
};
