/** @file "Did you mean …?": the nearest of the names that there are. */
import { distance } from 'fastest-levenshtein';

/** What people who come from other tools write (spelling aside: `learning_rate` and `learningRate` are found anyway). */
const synonyms: Record<string, string[]> = {
  lr: ['learning-rate'],
  wd: ['weight-decay'],
  bs: ['batch'],
  batchsize: ['batch'],
  microbatch: ['batch'],
  warmupsteps: ['warmup'],
  maxsteps: ['steps'],
  numsteps: ['steps'],
  iterations: ['steps'],
  numepochs: ['epochs'],
  numtrainepochs: ['epochs'],
  lrscheduler: ['schedule'],
  lrschedulertype: ['schedule'],
  scheduler: ['schedule'],
  gradclip: ['clip-norm'],
  maxgradnorm: ['clip-norm'],
  nlayer: ['layers'],
  nlayers: ['layers'],
  numlayers: ['layers'],
  depth: ['layers'],
  nhead: ['heads'],
  nheads: ['heads'],
  numheads: ['heads'],
  nembd: ['width'],
  dmodel: ['width'],
  hiddensize: ['width'],
  dim: ['width'],
  blocksize: ['context'],
  maxparallel: ['trials-at-once'],
  concurrency: ['trials-at-once'],
  retries: ['attempts'],
  dataset: ['tasks', 'file'],
  datasets: ['tasks'],
  data: ['tasks', 'file'],
  path: ['file'],
  column: ['text'],
  target: ['label'],
  method: ['methods'],
  parameters: ['methods'],
  model: ['models', 'architecture'],
  baselines: ['controls'],
  repeats: ['seeds'],
  examplesincontext: ['examples'],
  nexamples: ['examples'],
  shots: ['examples'],
  gpu: ['cuda', 'webgpu'],
  nvidia: ['cuda'],
};

/** Letters in another order ("gtp") are two edits and one slip of the fingers. */
const lettersOf = (name: string): string => [...bare(name)].sort().join('');

const bare = (name: string): string => name.toLowerCase().replace(/[-_. ]/g, '');

/** The candidate that was probably meant, or `undefined` where none is near. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const spelling = bare(word);
  const sameLetters = candidates.find((candidate) => bare(candidate) === spelling);
  if (sameLetters !== undefined) return sameLetters;
  const known = Object.hasOwn(synonyms, spelling) ? (synonyms[spelling] ?? []) : [];
  const synonym = known.find((name) => candidates.includes(name));
  if (synonym !== undefined) return synonym;
  const ranked = candidates
    .map((candidate) => ({ candidate, far: distance(spelling, bare(candidate)) }))
    .sort((a, b) => a.far - b.far || (a.candidate < b.candidate ? -1 : 1));
  const best = ranked[0];
  if (best === undefined) return undefined;
  const shuffled = candidates.find((candidate) => lettersOf(candidate) === lettersOf(word));
  if (shuffled !== undefined && spelling.length > 1) return shuffled;
  const tolerance = Math.floor(Math.max(spelling.length, bare(best.candidate).length) / 3);
  if (best.far <= tolerance) return best.candidate;
  return spelling.length >= 3
    ? candidates.find((candidate) => bare(candidate).startsWith(spelling))
    : undefined;
}
