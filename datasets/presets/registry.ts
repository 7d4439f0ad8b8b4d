/** @file The one list of presets. Adding one is an entry in the file of its kind, with a sample in the test. */
import { multipleChoice } from './multiple-choice.js';
import { papers } from './papers.js';
import type { Preset } from './preset.js';
import { statements } from './statements.js';

export const presets: readonly Preset[] = [...papers, ...multipleChoice, ...statements];
