/** @file How a model is trained: the settings of pretraining and of fine-tuning, with their defaults. */
import { z } from 'zod';
import { count, countOrNone, notNegative, positive } from './fields.js';

export const schedules = ['constant', 'linear', 'cosine'] as const;
export type Schedule = (typeof schedules)[number];

interface OptimizerSettings {
  batch: number;
  'learning-rate': number;
  warmup: number;
  schedule: Schedule;
  'weight-decay': number;
  betas: [number, number];
  'clip-norm': number;
}

export interface PretrainSettings extends OptimizerSettings {
  steps: number;
}

export interface FinetuneSettings extends OptimizerSettings {
  /** Exactly one of steps and epochs. */
  steps?: number;
  epochs?: number;
}

const beta = () => z.number().min(0).lt(1);

function optimizer(defaults: { batch: number; rate: number; warmup: number }) {
  return {
    batch: count().default(defaults.batch).describe('items a step'),
    'learning-rate': positive()
      .default(defaults.rate)
      .describe('peak learning rate of AdamW, reached after warm-up'),
    warmup: countOrNone().default(defaults.warmup).describe('steps of linear warm-up'),
    schedule: z
      .enum(schedules)
      .default('cosine')
      .describe('how the learning rate goes on after warm-up: constant, linear to 0, or cosine to 0'),
    'weight-decay': notNegative().default(0).describe('decoupled weight decay of AdamW'),
    betas: z
      .tuple([beta(), beta()])
      .default([0.9, 0.999])
      .describe("decay of AdamW's running mean and of its running mean square"),
    'clip-norm': notNegative()
      .default(0)
      .describe('largest L2 norm of the gradient of a step; 0 = no clipping'),
  };
}

/** Language modelling on the task's unlabelled text. */
export const pretrainSchema = z.object({
  steps: countOrNone().default(0).describe('optimizer steps; 0 = no pretraining'),
  ...optimizer({ batch: 64, rate: 2e-3, warmup: 50 }),
});

/** Supervised training, by weak labels or by the truth. `steps` and `epochs` exclude each other. */
export const finetuneSchema = z.object({
  steps: count().optional().describe('optimizer steps; 200 if neither steps nor epochs is given'),
  epochs: positive().optional().describe('passes over the training split, instead of steps'),
  ...optimizer({ batch: 32, rate: 5e-4, warmup: 0 }),
});

/** Steps of fine-tuning where a sweep says neither `steps` nor `epochs`. */
export const defaultFinetuneSteps = 200;
