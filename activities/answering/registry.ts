/** @file Who answers which kind of task, by architecture. */
import type { AnswerKind } from '../../datasets/task.js';
import { architectureOf, type Answerer, type AnswererRequest, type OpenAnswerer } from './answerer.js';
import { openChoices } from './choices.js';
import { openMixture } from './mixture.js';
import { openPreference } from './preference.js';
import { openText } from './text.js';

const answerers: Readonly<Record<string, Partial<Record<AnswerKind, OpenAnswerer>>>> = {
  gpt: { 'next-token': openChoices, classes: openChoices, preference: openPreference, text: openText },
  mixture: { number: openMixture },
};

/** Opens a model for a task's questions; release it. */
export async function openAnswerer(request: AnswererRequest): Promise<Answerer> {
  const architecture = await architectureOf(request.folder);
  const open = answerers[architecture]?.[request.task.answer];
  if (open === undefined)
    throw new RangeError(`a model of architecture ${architecture} answers no task by ${request.task.answer}`);
  return open(request);
}
