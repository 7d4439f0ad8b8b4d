/** @file Who pretrains which architecture. */
import type { StageFunction } from '../context.js';
import { pretrainGpt } from './gpt.js';
import { pretrainMixture } from './mixture.js';

export const pretrainers: Readonly<Record<string, StageFunction>> = {
  gpt: pretrainGpt,
  mixture: pretrainMixture,
};
