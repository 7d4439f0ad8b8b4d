/** @file `npm run bench`: every measurement, or those named: `npm run bench -- training generation store`. */
import { UserError } from '../base/errors.js';
import { benchClassification } from './classification.js';
import { benchCoverage } from './coverage.js';
import { benchGeneration } from './generation.js';
import { benchStore, type StoreBench } from './store.js';
import { benchSweep } from './sweep.js';
import { benchTrain } from './train.js';
import { benchTraining } from './training.js';

/** Those that need a Python to compare with, or minutes, run only when they are named. */
const byName: Record<string, () => Promise<void>> = {
  train: benchTrain,
  classification: benchClassification,
  coverage: benchCoverage,
};

const benches: Record<string, () => Promise<void>> = {
  training: benchTraining,
  generation: benchGeneration,
  sweep: benchSweep,
  store: async () => printStore(await benchStore()),
};

const named = process.argv.slice(2);
const known = { ...benches, ...byName };
const unknown = named.find((name) => !(name in known));
if (unknown !== undefined) {
  throw new UserError(`no bench named ${unknown}; there are: ${Object.keys(known).join(', ')}`);
}
for (const name of named.length > 0 ? named : Object.keys(benches)) {
  console.log(`\n${name}`);
  await known[name]!();
}

function printStore({ artifacts, publishMilliseconds, probeSeconds, verifySeconds }: StoreBench): void {
  console.log(`publish an artifact: ${publishMilliseconds.toFixed(1)} ms`);
  console.log(
    `probe ${artifacts} artifacts: ${probeSeconds.toFixed(2)} s; hash them all: ${verifySeconds.toFixed(2)} s`,
  );
}
