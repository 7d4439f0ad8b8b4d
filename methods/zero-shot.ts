/** @file The strong model as it is: what it knows without any supervision. */
import { z } from 'zod';
import { defineControl } from './definition/method.js';

export default defineControl({
  name: 'zero-shot',
  summary: 'The strong model as pretrained, without any fine-tuning.',
  source: 'Burns et al. 2023 (arXiv 2312.09390), section 5.2',
  parameters: z.object({}),
  evaluation: (cell) => cell.evaluate(cell.strong()),
});
