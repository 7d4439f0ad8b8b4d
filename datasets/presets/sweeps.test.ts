import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packageRoot } from '../../base/folders.js';
import { planSweep } from '../../plan/plan.js';
import { vocabulary } from '../../plan/vocabulary.js';
import { loadSweepFile } from '../../spec/index.js';
import { taskNamed } from '../tasks.js';
import { samples } from './testing/samples.js';

test.each([
  ['safety', 'tasks.safety', 'safety', 10],
  ['legal', 'tasks.privacy-policy', 'legalbench-privacy-policy-qa', 2],
])(
  'sweeps/%s.yaml can be planned in both sizes over a file of the data',
  async (name, task, preset, seeds) => {
    const folder = await mkdtemp(join(tmpdir(), 'temper-sweeps-'));
    try {
      const file = join(folder, 'rows.jsonl');
      const rows = Array.from({ length: 8 }, (_, i) => `${JSON.stringify(samples[preset]!.row(i))}\n`);
      await writeFile(file, rows.join(''));
      for (const scale of ['full', 'small']) {
        const sets = [`${task}.file=${file}`, `scale=${scale}`];
        const sweep = await loadSweepFile(join(packageRoot(), 'sweeps', `${name}.yaml`), {
          vocabulary,
          sets,
        });
        const [only] = sweep.tasks;
        await taskNamed(only!.definition).glance!({ ...only!.parameters, ...only!.files });
        const plan = planSweep(sweep, { [file]: '0'.repeat(64) });
        expect(sweep.seeds).toHaveLength(scale === 'small' ? seeds : 10);
        expect(plan.cells).toHaveLength(sweep.seeds.length);
        expect(sweep.name).toBe(scale === 'small' ? `${name}-small` : name);
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  },
);
