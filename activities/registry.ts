/** @file The one list of stage kinds and what computes them. Imported by executors alone: it loads ONNX Runtime. */
import type { StageKind } from '../plan/stage.js';
import type { StageFunction } from './context.js';
import { evaluate } from './evaluate.js';
import { finetune } from './finetune.js';
import { label } from './label.js';
import { pretrain } from './pretrain.js';
import { refine } from './refine.js';
import { relabel } from './relabel.js';
import { shard } from './shard.js';

/** `score` is not among them: the orchestrator aggregates (see score.ts). */
export const stageFunctions: Record<Exclude<StageKind, 'score'>, StageFunction> = {
  shard,
  pretrain,
  finetune,
  label,
  refine,
  relabel,
  evaluate,
};
