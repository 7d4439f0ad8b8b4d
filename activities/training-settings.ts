/** @file From a sweep's words for training to the engine's. */
import type { Training } from '../models/training.js';
import type { FinetuneSettings, PretrainSettings } from '../spec/index.js';

/** The steps of a fine-tuning on `rows` rows: as given, or whole batches of the given epochs. */
export function stepsOf(settings: FinetuneSettings, rows: number): number {
  if (settings.epochs === undefined) return settings.steps ?? 200;
  return Math.max(1, Math.floor((settings.epochs * rows) / settings.batch));
}

export function trainingOf(settings: Omit<PretrainSettings, 'steps'>, steps: number): Training {
  const clipNorm = settings['clip-norm'];
  return {
    steps,
    batch: settings.batch,
    learningRate: settings['learning-rate'],
    warmup: settings.warmup,
    schedule: settings.schedule,
    weightDecay: settings['weight-decay'],
    betas: settings.betas,
    eps: 1e-8,
    ...(clipNorm > 0 ? { clipNorm } : {}),
  };
}
