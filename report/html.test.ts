/** @file The report as a reader meets it: one file, in a real browser, without network. */
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { emptyResults, sampleResults } from '../test/results.js';
import { renderReport } from './html.js';
import type { Results } from './results.js';

let results: Results;
let report: string;
beforeAll(async () => {
  results = await sampleResults();
  report = await renderReport(results);
}, 120_000);

test('is the same bytes for the same results', async () => {
  expect(await renderReport(results)).toBe(report);
});

test('has every method with its numbers, what failed and why, and what the data was', () => {
  for (const { method } of results.summaries) expect(report).toContain(method.split(' ')[0]);
  expect(report).toMatch(new RegExp(`3 of ${results.trials.length}\\s+trials failed`));
  expect(report).toContain('the executor was killed (signal 9, out of memory?) three times');
  expect(report).toContain('10,891');
});

test('has the key of every stage behind every number', () => {
  for (const { key } of results.stages) expect(report).toContain(key);
});

test('refers to nothing outside itself', () => {
  const addresses = report.match(/\s(?:src|href)="(?!#)|url\(|@import/g) ?? [];
  expect(addresses).toEqual([]);
  expect(report.replaceAll('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:\/\//);
});

test('tells that a PGR has no bounds, in numbers and as arrows', () => {
  expect(report).toContain('(unbounded');
  expect(report).toMatch(/aria-label="naive labels=hard: PGR −?\d\.\d\d \(unbounded/);
});

test('compares methods with naive, says what could not have been seen, and draws scores against parameters', () => {
  expect(report).toContain('less naive labels=hard');
  expect(report).toMatch(/Power: with 13 cells a difference in accuracy under 0\.\d+ is not visible here/);
  expect(report).toContain('Over all tasks and pairs');
  expect(report).toContain('Two tasks tell nothing of how tasks differ');
  expect(report).toContain('aria-label="accuracy by examples on dialects · weak → strong"');
  expect(report).toContain('Two seeds tell nothing of how seeds differ');
});

test('escapes what a sweep calls its things', async () => {
  const named = '<img src=x onerror=alert(1)>';
  const hostile: Results = {
    ...results,
    sweep: named,
    summaries: results.summaries.map((row) => ({ ...row, task: named, method: `${named}${row.method}` })),
    trials: results.trials.map((trial) => ({
      ...trial,
      task: named,
      method: `${named}${trial.method}`,
      error: named,
    })),
    stages: results.stages.map((stage) => ({ ...stage, title: `</script>${named}` })),
  };
  const page = await renderReport(hostile);
  expect(page).not.toContain('<img');
  expect(page.match(/<\/script>/g)).toHaveLength(2);
}, 120_000);

test('of a sweep that has only started is a page too', async () => {
  expect(await renderReport(emptyResults())).toContain('No trial has a result yet.');
});

const browserPath = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium';

describe.skipIf(!existsSync(browserPath))('in a browser', () => {
  let browser: Browser;
  let folder: string;
  const problems: string[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'temper-report-'));
    await writeFile(join(folder, 'index.html'), report);
    browser = await chromium.launch({ executablePath: browserPath, args: ['--no-sandbox', '--disable-gpu'] });
  }, 120_000);
  afterAll(async () => {
    await browser.close();
    await rm(folder, { recursive: true });
  });

  async function open(options: { colorScheme?: 'light' | 'dark'; width?: number } = {}): Promise<Page> {
    const { colorScheme = 'light', width = 1200 } = options;
    const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
    page.on('pageerror', (error) => problems.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') problems.push(message.text());
    });
    await page.goto(pathToFileURL(join(folder, 'index.html')).href);
    return page;
  }

  test('opens without a mistake, and each chart has a name', async () => {
    const page = await open();
    const script =
      "[...document.querySelectorAll('svg.chart')].map((chart) => chart.getAttribute('aria-label') ?? '')";
    const names = await page.evaluate<string[]>(script);
    expect(names.length).toBeGreaterThanOrEqual(8);
    expect(names.every((name) => name.length > 10)).toBe(true);
    expect(problems).toEqual([]);
    await page.close();
  });

  test('opens a trial down to the keys of its artifacts', async () => {
    const page = await open();
    const first = results.trials[0];
    await page.locator('#trials tr.trial').first().click();
    const chain = await page.locator('#trials tr.chain .key').allTextContents();
    expect(chain.at(-1)).toBe(first?.evaluation);
    expect(chain.length).toBeGreaterThan(4);
    const inputs = new Map(results.stages.map((stage) => [stage.key, stage.inputs]));
    for (const [index, key] of chain.entries())
      for (const input of inputs.get(key) ?? []) expect(chain.indexOf(input)).toBeLessThan(index);
    await page.close();
  });

  test('filters and sorts trials', async () => {
    const page = await open();
    await page.locator('#query').fill('naive labels=hard dialect=1');
    expect(await page.locator('#shown').textContent()).toBe(`4 of ${results.trials.length} trials`);
    await page.locator('#query').fill('');
    await page.locator('#status').selectOption('failed');
    expect(await page.locator('#trials tr.trial:visible').count()).toBe(3);
    await page.locator('#status').selectOption('');
    await page.getByRole('button', { name: 'score' }).click();
    await page.getByRole('button', { name: 'score' }).click();
    const best = Math.max(...results.trials.map(({ score }) => score?.value ?? 0));
    const top = page.locator('#trials tr.trial').first().locator('td').nth(3);
    expect(Number(await top.getAttribute('data-value'))).toBe(best);
    await page.close();
  });

  test('is dark where the reader’s system is', async () => {
    const colours: string[] = [];
    for (const colorScheme of ['light', 'dark'] as const) {
      const page = await open({ colorScheme });
      const script =
        "getComputedStyle(document.querySelector('svg.chart text')).fill + getComputedStyle(document.body).backgroundColor";
      colours.push(await page.evaluate<string>(script));
      await page.close();
    }
    expect(colours[0]).not.toBe(colours[1]);
  });

  test('does not run over the side of a narrow screen', async () => {
    const page = await open({ width: 390 });
    expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBe(390);
    await page.close();
  });
});
