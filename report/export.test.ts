/** @file Exports that other programs read. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { parse } from 'csv-parse/sync';
import { beforeAll, describe, expect, test } from 'vitest';
import { mean } from '../metrics/interval.js';
import { sampleResults } from '../test/results.js';
import { exportCsv, exportJson, exportParquet } from './export.js';
import type { Results } from './results.js';

let results: Results;
beforeAll(async () => {
  results = await sampleResults();
});

describe('JSON', () => {
  test('is everything', () => {
    expect(JSON.parse(exportJson(results))).toEqual(JSON.parse(JSON.stringify(results)));
  });

  test('is the same bytes whatever the order of keys in memory, timings aside and last', () => {
    const turned = Object.fromEntries(Object.entries(results).reverse()) as unknown as Results;
    turned.trials = results.trials.map(
      (trial) => Object.fromEntries(Object.entries(trial).reverse()) as never,
    );
    const withoutTimings = (text: string): string => text.slice(0, text.indexOf('"timings"'));
    expect(exportJson(turned)).toBe(exportJson(results));
    expect(withoutTimings(exportJson({ ...turned, timings: [] }))).toBe(withoutTimings(exportJson(results)));
    expect(Object.keys(JSON.parse(exportJson(results)) as object).at(-1)).toBe('timings');
  });

  test('has null where an interval has no end', () => {
    const [first] = results.summaries;
    if (!first?.score) throw new Error('the sample has accuracies');
    const text = exportJson({
      ...results,
      summaries: [{ ...first, score: { ...first.score, high: Infinity } }],
    });
    expect(text).toMatch(/"high": null/);
  });
});

test('CSV has a line a trial, with names and values in quotes where they need them', () => {
  const hostile = {
    ...results.trials[0],
    error: 'a "quote", a comma\nand a line break',
  } as Results['trials'][number];
  const rows = parse(exportCsv({ trials: [...results.trials, hostile] }), {
    columns: true,
  }) as unknown as Record<string, string>[];
  expect(rows).toHaveLength(results.trials.length + 1);
  expect(rows[0]).toMatchObject({
    task: 'dialects',
    task_values: '{"dialect":0}',
    method: 'weak supervisor',
    role: 'weak',
  });
  expect(Number(rows[0]?.['score'])).toBe(results.trials[0]?.score?.value);
  expect(rows.find((row) => row['status'] === 'failed')?.['score']).toBe('');
  expect(rows[0]).toMatchObject({ metric: 'accuracy', level: '0.95', total: '32' });
  expect(rows.at(-1)?.['error']).toBe(hostile.error);
});

test('Parquet is read by DuckDB with types and nulls', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'temper-export-'));
  try {
    const path = join(folder, 'trials.parquet');
    const scores = results.trials
      .filter(({ task, method }) => task === 'dialects' && method === 'icl-refinement examples=12 contexts=4')
      .flatMap(({ score }) => score?.value ?? []);
    await exportParquet(results, path);
    expect(await readdir(folder)).toEqual(['trials.parquet']);
    const connection = await (await DuckDBInstance.create(':memory:')).connect();
    const reader = await connection.runAndReadAll(
      `select method, count(*)::int as trials, count(score)::int as done, avg(score) as score
       from '${path}' where task = 'dialects' group by method having count(score) < count(*)`,
    );
    expect(reader.getRowObjects()).toEqual([
      {
        method: 'icl-refinement examples=12 contexts=4',
        trials: 16,
        done: 13,
        score: expect.closeTo(mean(scores), 12) as number,
      },
    ]);
    connection.closeSync();
  } finally {
    await rm(folder, { recursive: true });
  }
});
