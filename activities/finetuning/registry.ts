/** @file Who fine-tunes which architecture for which kind of task. */
import type { AnswerKind } from '../../datasets/task.js';
import type { StageFunction } from '../context.js';
import { finetuneOnChoices } from './choices.js';
import { finetuneMixture } from './mixture.js';
import { finetuneOnPairs } from './preference.js';
import { finetuneOnText } from './text.js';

const finetuners: Readonly<Record<string, Partial<Record<AnswerKind, StageFunction>>>> = {
  gpt: {
    'next-token': finetuneOnChoices,
    classes: finetuneOnChoices,
    preference: finetuneOnPairs,
    text: finetuneOnText,
  },
  mixture: { number: finetuneMixture },
};

export function finetunerOf(architecture: string, answer: AnswerKind): StageFunction {
  const finetuner = finetuners[architecture]?.[answer];
  if (finetuner !== undefined) return finetuner;
  throw new RangeError(`nobody fine-tunes a model of architecture ${architecture} for answers by ${answer}`);
}
