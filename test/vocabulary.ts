/** @file A small vocabulary for the tests of the sweep language; the real one comes from the rooms that can act on it. */
import { z } from 'zod';
import { count, countOrNone, filePath, fraction, splits, text } from '../spec/fields.js';
import type { Vocabulary } from '../spec/vocabulary.js';

const labels = () =>
  z.enum(['hard', 'soft']).default('soft').describe('what of the weak labels is learnt from');

export const vocabulary: Vocabulary = {
  methods: {
    naive: z.object({ labels: labels() }),
    confidence: z.object({
      alpha: fraction().default(0.5).describe('weight of the student’s own prediction'),
      warmup: fraction().default(0.2).describe('share of the steps over which alpha grows'),
    }),
    'icl-refinement': z.object({
      examples: countOrNone().describe('weak-labelled examples in context'),
      contexts: count().default(1).describe('contexts that vote'),
      labels: labels(),
    }),
  },
  controls: {
    'zero-shot': z.object({}),
    'zero-examples': z.object({ labels: labels() }),
    'random-labels': z.object({ labels: labels() }),
    'ceiling-on-a': z.object({}),
  },
  generators: {
    dialects: z.object({
      dialect: countOrNone().describe('which dialect the cell is about'),
      dialects: count().default(8).describe('how many dialects there are'),
      nouns: count().default(128).describe('nouns in the language'),
    }),
  },
  fileTasks: {
    classification: z.object({
      file: filePath().describe('CSV, JSONL or Parquet'),
      text: text().describe('column of the text'),
      label: text().describe('column of the label'),
      splits: splits(),
    }),
  },
  architectures: {
    gpt: z
      .object({
        layers: count().describe('transformer blocks'),
        width: count().describe('size of the residual stream'),
        heads: count().describe('attention heads'),
        context: count().optional().describe('tokens that fit the context'),
      })
      .superRefine(({ width, heads }, context) => {
        if (width % heads === 0) return;
        context.addIssue({
          code: 'custom',
          path: ['heads'],
          message: `${heads} heads do not divide a width of ${width}`,
        });
      }),
  },
};

export const quickstart = `\
# yaml-language-server: $schema=../docs/sweep.schema.json
name: quickstart
device: cpu
tasks:
  dialects: { generator: dialects, dialect: [0, 1, 2, 3, 4, 5, 6, 7] }
models:
  weak: { architecture: gpt, layers: 1, width: 32, heads: 2, pretrain: { steps: 1200 } }
  strong:
    architecture: gpt
    layers: 2
    width: 96
    heads: 4
    pretrain: { steps: 900, batch: 64, learning-rate: 2e-3, warmup: 50 }
pairs:
  - { weak: weak, strong: strong }
finetune: { steps: 200, batch: 32, learning-rate: 5e-4, schedule: cosine }
methods:
  - naive: { labels: [hard, soft] }
  - confidence
  - icl-refinement: { examples: [4, 12, 23], contexts: [1, 4] }
controls: standard
seeds: 2
limits: { trials-at-once: 200, attempts: 3 }
`;

export const safety = `\
# yaml-language-server: $schema=../docs/sweep.schema.json
name: safety
tasks:
  safety:
    type: classification
    file: data/safety.csv
    text: prompt
    label: is_safe
    splits: { A: 0.3, B: 0.4, validation: 0.1, test: 0.2 }
models:
  weak: { architecture: gpt, layers: 1, width: 32, heads: 2 }
  strong: { architecture: gpt, layers: 2, width: 128, heads: 4, pretrain: { steps: 500 }, finetune: { epochs: 2 } }
pairs: [{ weak: weak, strong: strong }]
methods: [naive, confidence]
seeds: [0, 1, 2]
`;
