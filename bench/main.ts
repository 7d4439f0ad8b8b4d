/** @file `npm run bench`: every measurement, or those named: `npm run bench -- training sweep store`. */
import { UserError } from '../base/errors.js';
import { benchStore, type StoreBench } from './store.js';
import { benchSweep } from './sweep.js';
import { benchTraining } from './training.js';

const benches: Record<string, () => Promise<void>> = {
  training: benchTraining,
  sweep: benchSweep,
  store: async () => printStore(await benchStore()),
};

const named = process.argv.slice(2);
const unknown = named.find((name) => !(name in benches));
if (unknown !== undefined) {
  throw new UserError(`no bench named ${unknown}; there are: ${Object.keys(benches).join(', ')}`);
}
for (const name of named.length > 0 ? named : Object.keys(benches)) {
  console.log(`\n${name}`);
  await benches[name]!();
}

function printStore({ artifacts, publishMilliseconds, probeSeconds, verifySeconds }: StoreBench): void {
  console.log(`publish an artifact: ${publishMilliseconds.toFixed(1)} ms`);
  console.log(
    `probe ${artifacts} artifacts: ${probeSeconds.toFixed(2)} s; hash them all: ${verifySeconds.toFixed(2)} s`,
  );
}
