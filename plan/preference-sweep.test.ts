/** @file sweeps/preference.yaml: planned as it stands, and small. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { packageRoot } from '../base/folders.js';
import { parseSweep } from '../spec/index.js';
import { planSweep } from './plan.js';
import { vocabulary } from './vocabulary.js';

const text = readFileSync(join(packageRoot(), 'sweeps/preference.yaml'), 'utf8');

it.each([
  ['full', 5, 12],
  ['small', 1, 6],
])('in the scale %s asks for %i seeds of %i trials beside weak and ceiling', (scale, seeds, trials) => {
  const sets = [`scale=${scale}`];
  const sweep = parseSweep(text, { source: 'preference.yaml', vocabulary, folder: '/sweeps', sets });
  const files = sweep.tasks.flatMap((task) => Object.values(task.files));
  const plan = planSweep(sweep, Object.fromEntries(files.map((file, index) => [file, `digest ${index}`])));
  expect(plan.cells).toHaveLength(seeds);
  for (const cell of plan.cells) expect(cell.trials).toHaveLength(trials + 2);
});
