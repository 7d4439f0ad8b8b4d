import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { packageRoot } from '../../base/folders.js';
import type { JsonObject } from '../../base/json.js';
import { withoutDefaults } from '../../spec/defaults.js';
import { realData } from '../../test/real-data.js';
import { splits } from '../task.js';
import { presetTable } from './documentation.js';
import { taskOf, type Preset } from './preset.js';
import { presets } from './registry.js';
import { samples } from './testing/samples.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'temper-presets-'));
});
afterAll(() => rm(folder, { recursive: true }));

const count = 60;

async function examplesOf(preset: Preset, given: object = {}) {
  const file = join(folder, `${preset.name}.jsonl`);
  const rows = Array.from({ length: count }, (_, i) => JSON.stringify(samples[preset.name]!.row(i)));
  await writeFile(file, `${rows.join('\n')}\n`);
  const task = taskOf(preset);
  return task.examples(task.parameters.parse({ file, ...given }), 1);
}

/** Ids are numbers of rows, from 1. */
const numberOf = (id: string): number => Number(id.slice('row-'.length)) - 1;

test('each has a sample, a source that one can open, and reads the columns that it names', () => {
  expect(Object.keys(samples).sort()).toEqual(presets.map(({ name }) => name).sort());
  for (const { name, origin, licence, columns } of presets) {
    expect(origin).toMatch(/^https:\/\//);
    expect(licence).not.toBe('');
    const present = Object.keys(samples[name]!.row(0));
    expect(columns.filter((column) => !present.includes(column))).toEqual([]);
  }
});

describe.each(presets.map((preset) => [preset.name, preset] as const))('%s', (_, preset) => {
  const sample = samples[preset.name]!;

  test('makes of rows of its shape the texts and truths that it should', async () => {
    const { items, truth, given } = await examplesOf(preset);
    const all = splits.flatMap((split) => items[split].map((item, i) => ({ item, truth: truth[split][i]! })));
    expect(all).toHaveLength(count);
    for (const { item, truth: right } of all) {
      const i = numberOf(item.id);
      if (preset.base === 'question-answer') {
        expect(item.text).toBe(sample.text(i));
        expect(right.answer).toMatch(new RegExp(` ${i}$`));
        expect(taskOf(preset).grade!(`#### ${i}`, right.answer!, item, {}).score).toBe(1);
      } else if (preset.base === 'preference') {
        expect(item.text).toBe(sample.text(i));
        expect(item.choices[right.label]).toBe(` good ${i}`);
      } else if (sample.label !== undefined) {
        expect(item.text).toBe(sample.text(i));
        expect(item.choices[right.label]).toBe(sample.label(i));
      } else {
        expect(item.choices).toEqual(['wrong', 'right']);
        const shown = right.label === 1 ? [sample.right!(i)] : sample.wrong!(i);
        expect(shown.map((answer) => sample.text(i).replace('CANDIDATE', answer))).toContain(item.text);
      }
    }
    if (sample.right !== undefined) {
      const share = all.filter(({ truth: { label } }) => label === 1).length / all.length;
      expect(Math.abs(share - 0.5)).toBeLessThan(0.2);
    }
    const names = Object.keys((preset.settings['given'] ?? {}) as object);
    expect(Object.keys(given ?? {}).sort()).toEqual(names.sort());
  });

  test('says which column a file lacks', async () => {
    const column = preset.columns[0]!;
    const file = join(folder, 'lacking.jsonl');
    const { [column]: __, ...rest } = sample.row(0);
    await writeFile(file, `${JSON.stringify(rest)}\n`);
    const task = taskOf(preset);
    await expect(task.glance!(task.parameters.parse({ file }))).rejects.toThrow(
      `there is no column "${column}`,
    );
  });

  test('is on the hub, or says where to get it', () => {
    const parsed = taskOf(preset).parameters.safeParse({});
    if (preset.source === undefined)
      expect(parsed.error?.issues[0]?.message).toContain(
        `get it from ${preset.origin}, and name it by file: PATH`,
      );
    else expect(parsed.success).toBe(true);
  });
});

test('a preset that is changed has another key, though its settings are defaults', () => {
  const [preset] = presets;
  const key = (given: Preset) => {
    const task = taskOf(given);
    const parameters = task.exampleParameters(task.resolve(task.parameters.parse({ file: 'x.csv' })));
    return withoutDefaults(task.parameters, parameters as JsonObject);
  };
  const changed = { ...preset!, settings: { ...preset!.settings, conflicting: 'majority' } };
  expect(key(preset!)).toEqual(key(preset!));
  expect(key(changed)).not.toEqual(key(preset!));
});

test('what a sweep says goes before what a preset says', async () => {
  const safety = presets.find(({ name }) => name === 'safety')!;
  const { items } = await examplesOf(safety, {
    template: 'Safe? {{ prompt }}',
    splits: { A: 10, B: 10, test: 10 },
  });
  expect(items.A).toHaveLength(10);
  expect(items.A[0]!.text).toMatch(/^Safe\? prompt \d+$/);
});

test('docs/data.md has them all (its table is made by datasets/presets/documentation.ts)', () => {
  expect(readFileSync(join(packageRoot(), 'docs', 'data.md'), 'utf8')).toContain(presetTable());
});

const legal = ['privacy_policy_qa', 'hearsay', 'overruling', 'contract_nli_explicit_identification'].map(
  (task) => ({
    task,
    file: realData(`legalbench/${task}/train.tsv`),
  }),
);

test.skipIf(legal.some(({ file }) => file === undefined))(
  "LegalBench's files for few-shot prompts are read, small as they are",
  async () => {
    for (const { task, file } of legal) {
      const definition = taskOf(
        presets.find(({ name }) => name === `legalbench-${task.replaceAll('_', '-')}`)!,
      );
      await definition.glance!(definition.parameters.parse({ file }));
      if (task !== 'privacy_policy_qa') continue;
      // As in sweeps/legal.yaml with scale=small, for both of its seeds.
      const splitting = { A: 0.5, B: 0.25, validation: 0, test: 0.25 };
      const given = definition.resolve(definition.parameters.parse({ file, splits: splitting }));
      for (const seed of [0, 1]) {
        const { report } = await definition.examples(given, seed);
        expect(report.counts).toMatchObject({ rows: 8, A: 4, B: 2, test: 2 });
      }
    }
  },
);
