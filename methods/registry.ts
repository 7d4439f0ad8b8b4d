/** @file The one list of methods and the one list of controls. */
import type { LossBuilder } from '../models/training.js';
import { auxiliaryConfidenceLoss, confidence } from './confidence.js';
import { ceilingOnA, randomLabels, zeroExamples, zeroShot } from './controls.js';
import { iclRefinement } from './icl-refinement.js';
import type { Control, LossChoice, Method } from './method.js';
import { crossEntropyLoss, naive } from './naive.js';

function byName<T extends { name: string }>(...entries: T[]): Record<string, T> {
  return Object.fromEntries(entries.map((entry) => [entry.name, entry]));
}

export const methods: Record<string, Method> = byName(naive, confidence, iclRefinement);

/** In the order in which `controls: standard` runs them. */
export const controls: Record<string, Control> = byName(zeroShot, zeroExamples, randomLabels, ceilingOnA);

/** The losses that methods train with, by the name in a {@link LossChoice}. */
export const losses: Record<string, (choice: LossChoice) => LossBuilder> = {
  'cross-entropy': () => crossEntropyLoss,
  'auxiliary-confidence': auxiliaryConfidenceLoss,
};
