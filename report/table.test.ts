/** @file The table in the terminal: what it shows, how wide it is, and what it never hides. */
import { beforeAll, describe, expect, test } from 'vitest';
import { emptyResults, sampleResults } from '../test/results.js';
import type { MethodSummary, Results } from './results.js';
import { renderTable } from './table.js';

let results: Results;
beforeAll(async () => {
  results = await sampleResults();
});

const withOnly = (summary: Partial<MethodSummary>): Results => {
  const [first] = results.summaries;
  if (first === undefined) throw new Error('the sample has summaries');
  return { ...results, trials: [], summaries: [{ ...first, ...summary }] };
};

test('has every method of every task with accuracy, PGR and cells; floor first, ceiling last', () => {
  const lines = renderTable(results, 120).split('\n');
  const first = lines.slice(0, lines.indexOf('')).filter((line) => !/[─┄]/.test(line));
  expect(first[0]).toBe('dialects · weak → strong');
  expect(first[2]).toMatch(/^weak supervisor +0\.\d{3} \[0\.\d{3}, 0\.\d{3}\] +0 by definition +16$/);
  expect(first[3]).toMatch(/^naive labels=hard +0\.\d{3} \[.*\] +−?\d\.\d\d [[(].* +16$/);
  expect(first.at(-1)).toMatch(/^ceiling +.* 1 by definition +16$/);
  expect(first).toHaveLength(2 + 16);
});

test('names what failed and why', () => {
  const text = renderTable(results, 400);
  expect(text).toContain('13 (3 failed)');
  expect(text).toContain(`3 of ${results.trials.length} trials failed:`);
  expect(text).toMatch(
    /icl-refinement examples=12 contexts=4 seed \d: refine B 2\/2 with strong: the executor was killed/,
  );
});

test.each([40, 60, 80, 100, 200])('fits a terminal of %i columns, with no name cut short', (width) => {
  const text = renderTable(results, width);
  for (const line of text.split('\n')) expect([...line].length).toBeLessThanOrEqual(width);
  for (const word of results.summaries.flatMap(({ method }) => method.split(' ')))
    expect(text).toContain(word);
});

describe('PGR', () => {
  const gap = { value: 0.52, low: null, high: null, level: 0.95, cells: 4, kind: 'unbounded' as const };

  test('without bounds says so in the row and why below the table', () => {
    const text = renderTable(withOnly({ role: 'method', pgr: gap }), 200);
    expect(text).toContain('0.52 (unbounded)');
    expect(text).toContain('Unbounded or absent: ceiling − weak is within noise.');
  });

  test('of one cell says that it is one cell', () => {
    const text = renderTable(withOnly({ role: 'method', cells: 1, pgr: { ...gap, cells: 1 } }), 200);
    expect(text).toContain('0.52 (one cell)');
    expect(text).toContain('One cell has no interval');
  });

  test('that does not exist is not a number', () => {
    const text = renderTable(withOnly({ role: 'method', pgr: { ...gap, value: null } }), 200);
    expect(text).toContain('– (no gap)');
    expect(text).toContain('the ceiling is not above the weak supervisor');
  });
});

test('of nothing is still a text', () => {
  expect(renderTable(emptyResults(), 80)).toContain('Score: mean over cells');
});
