/** @file The graders there are, by the name in a sweep's `grader:`. Adding one is its file and one entry. */
import { exact } from './exact.js';
import type { Grader } from './grader.js';
import { gsm8k } from './gsm8k.js';
import { math } from './math.js';

export const graders: Readonly<Record<string, Grader>> = { exact, gsm8k, math };
