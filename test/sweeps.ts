/** @file Small sweeps for tests, as data: written out as a sweep file, parsed and planned with the real vocabulary. */
import { resolve } from 'node:path';
import { stringify } from 'yaml';
import type { JsonObject } from '../base/json.js';
import { sha256 } from '../base/json.js';
import { planSweep, type Plan } from '../plan/plan.js';
import { vocabulary } from '../plan/vocabulary.js';
import { parseSweep, type LoadedSweep } from '../spec/index.js';

/** The sweep that a file with this content would be. No file that it names is looked at. */
export function sweepOf(content: JsonObject, folder = '/sweeps'): LoadedSweep {
  return parseSweep(stringify(content), { source: 'sweep.yaml', vocabulary, folder });
}

/** Its plan, as if every file it names held its own path. */
export function planOf(content: JsonObject, fingerprints?: Record<string, string>): Plan {
  const sweep = sweepOf(content);
  const paths = sweep.tasks.flatMap(({ files }) => Object.values(files));
  const named = Object.fromEntries(paths.map((path) => [path, sha256(resolve(path))]));
  return planSweep(sweep, fingerprints ?? named);
}

/** The smallest dialects that have everything. */
export const tinyDialects = {
  generator: 'dialects',
  dialects: 2,
  nouns: 24,
  document: 6,
  noise: 0.2,
  documents: 200,
  splits: { A: 6, B: 8, test: 6 },
} satisfies JsonObject;

const tinyPretraining = { steps: 6, batch: 4, warmup: 2 };

/** Two models that differ, each of a single layer. */
export const tinyModels = {
  weak: {
    architecture: 'gpt',
    layers: 1,
    width: 8,
    heads: 2,
    context: 16,
    pretrain: tinyPretraining,
  },
  strong: {
    architecture: 'gpt',
    layers: 1,
    width: 16,
    heads: 2,
    context: 16,
    pretrain: tinyPretraining,
  },
} satisfies JsonObject;

/** One cell of dialects with every kind of stage. */
export const tinySweep = {
  name: 'tiny',
  tasks: { dialects: tinyDialects },
  models: tinyModels,
  pairs: [{ weak: 'weak', strong: 'strong' }],
  finetune: { steps: 5, batch: 4 },
  methods: ['naive', 'confidence', { 'icl-refinement': { examples: 3, contexts: 2 } }],
  controls: 'standard',
  seeds: [0],
} satisfies JsonObject;
