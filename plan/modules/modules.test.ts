/** @file Methods and tasks that users bring along: the examples of docs/extending.md, run from sweep to score. */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readEvaluation } from '../../activities/evaluation.js';
import { publishModules } from '../../activities/modules.js';
import { packageRoot } from '../../base/folders.js';
import { closeSessions } from '../../onnx/session.js';
import { openLaboratory, runAll } from '../../test/stages.js';
import { loadSweep } from '../load.js';
import { planSweep } from '../plan.js';
import { bundleModule } from './bundle.js';

let folder: string;
const here = (name: string): string => join(folder, name);
const sweep = (sets: string[] = []) => loadSweep(here('sweep.yaml'), sets);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'temper-extending-'));
  await cp(join(packageRoot(), 'examples/extending'), folder, { recursive: true });
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await closeSessions();
});

describe('a method and a task in a user’s own folder', () => {
  it('run from data to score, without a build step', async () => {
    const loaded = await sweep();
    const plan = planSweep(loaded, {});
    expect(plan.cells[0]!.trials.map(({ method }) => method)).toEqual([
      'weak supervisor',
      'ceiling',
      'naive',
      'margin margin=0.5',
      'margin margin=2',
    ]);
    const laboratory = await openLaboratory(plan);
    try {
      await publishModules(laboratory.store, loaded.modules!, 'test');
      await runAll(laboratory);
      for (const { evaluation } of plan.cells[0]!.trials) {
        const { total, value } = await readEvaluation(
          await laboratory.store.read({ kind: 'evaluate', key: evaluation }),
        );
        expect(total).toBe(8);
        expect(value).toBeGreaterThanOrEqual(0);
      }
    } finally {
      await laboratory.remove();
    }
  });

  it('count in the keys by what they say, not by where they stand', async () => {
    const keysOf = async () => {
      const { trials } = planSweep(await sweep(), {}).cells[0]!;
      return trials.map(({ method, evaluation }): [string, string] => [method, evaluation]);
    };
    const before = new Map(await keysOf());
    const text = await readFile(here('margin-loss.ts'), 'utf8');
    await writeFile(here('margin-loss.ts'), text.replace('o.relu(', 'o.abs('));
    const after = new Map(await keysOf());
    await writeFile(here('margin-loss.ts'), text);
    expect(after.get('naive')).toBe(before.get('naive'));
    expect(after.get('margin margin=2')).not.toBe(before.get('margin margin=2'));
    expect(new Map(await keysOf())).toEqual(before);
  });

  it('have parameters that are checked like any', async () => {
    await expect(sweep(['methods[1]={ ./margin-loss.ts: { margni: 1 } }'])).rejects.toThrow(/margni/);
    await expect(sweep(['tasks.parity.bits=1'])).rejects.toThrow(/bits/);
  });
});

describe('a module that cannot be used', () => {
  const named = async (file: string, text: string) => {
    await writeFile(here(file), text);
    return sweep([`methods=[./${file}]`].map((set) => set.replace('./', `${folder}/`)));
  };

  it('is a mistake at its place in the sweep', async () => {
    await expect(sweep(['methods=./missing.ts'])).rejects.toThrow(/--set[\s\S]*missing\.ts/);
    await expect(named('broken.ts', 'export default defineMethod({')).rejects.toThrow(/broken\.ts:1:\d+/);
    await expect(named('nothing.ts', 'export const x = 1;')).rejects.toThrow('exports no method and no task');
    await expect(named('throws.ts', 'throw new Error("no luck");')).rejects.toThrow('no luck');
  });
});

it('bundles what a module imports, and leaves Temper to the process that loads it', async () => {
  await writeFile(here('helper.ts'), 'export const two: number = 2;');
  await writeFile(here('own.ts'), "import { two } from './helper.js'; export default two;");
  const before = await bundleModule(here('own.ts'));
  await writeFile(here('helper.ts'), 'export const two: number = 22;');
  expect((await bundleModule(here('own.ts'))).digest).not.toBe(before.digest);
  expect((await bundleModule(here('margin-loss.ts'))).code).toContain('require("temper-w2s")');
});
