/** @file The search attributes by which people find sweeps and trials in the Temporal UI. */
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';

export const attributes = {
  sweep: defineSearchAttributeKey('TemperSweep', SearchAttributeType.KEYWORD),
  task: defineSearchAttributeKey('TemperTask', SearchAttributeType.KEYWORD),
  method: defineSearchAttributeKey('TemperMethod', SearchAttributeType.KEYWORD),
  weak: defineSearchAttributeKey('TemperWeak', SearchAttributeType.KEYWORD),
  strong: defineSearchAttributeKey('TemperStrong', SearchAttributeType.KEYWORD),
  role: defineSearchAttributeKey('TemperRole', SearchAttributeType.KEYWORD),
  status: defineSearchAttributeKey('TemperStatus', SearchAttributeType.KEYWORD),
  seed: defineSearchAttributeKey('TemperSeed', SearchAttributeType.INT),
  trials: defineSearchAttributeKey('TemperTrials', SearchAttributeType.INT),
  failed: defineSearchAttributeKey('TemperFailed', SearchAttributeType.INT),
  accuracy: defineSearchAttributeKey('TemperAccuracy', SearchAttributeType.DOUBLE),
} as const;

/** `running`, `done`, `failed` or `cancelled`. */
export type Status = 'running' | 'done' | 'failed' | 'cancelled';

/** Doubles show raw in the UI: four digits are what an accuracy on thousands of items carries. */
export function rounded(accuracy: number): number {
  return Math.round(accuracy * 10_000) / 10_000;
}

/** Names and types, as they are registered on the server's start. */
export const searchAttributeTypes = {
  TemperSweep: 'Keyword',
  TemperTask: 'Keyword',
  TemperMethod: 'Keyword',
  TemperWeak: 'Keyword',
  TemperStrong: 'Keyword',
  TemperRole: 'Keyword',
  TemperStatus: 'Keyword',
  TemperSeed: 'Int',
  TemperTrials: 'Int',
  TemperFailed: 'Int',
  TemperAccuracy: 'Double',
} as const;
