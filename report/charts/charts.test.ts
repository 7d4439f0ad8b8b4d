/** @file What charts are drawn from: unbounded sets, axes, curves over cells, time. */
import { beforeAll, describe, expect, test } from 'vitest';
import { sampleResults } from '../../test/results.js';
import type { GapRecovered, Results, StageTiming } from '../results.js';
import { groupsOf, type Group } from '../rows.js';
import { accuracyCurve, meanCurves } from './curves.js';
import { examplePoints } from './examples.js';
import { gapDomain, stretchesOf } from './methods.js';
import { duration, timelineOf } from './timeline.js';

let results: Results;
let dialects: Group;
let noGap: Group;
beforeAll(async () => {
  results = await sampleResults();
  [dialects, noGap] = groupsOf(results) as [Group, Group];
});

describe('the confidence set of a PGR on its axis', () => {
  const gap = (part: Partial<GapRecovered>): GapRecovered => ({
    value: 0.5,
    low: 0.2,
    high: 0.9,
    level: 0.95,
    cells: 8,
    kind: 'bounded',
    ...part,
  });

  test('is an interval where it has bounds', () => {
    expect(stretchesOf(gap({}), -1, 2)).toEqual([{ from: 0.2, to: 0.9, openLeft: false, openRight: false }]);
  });

  test('has an arrow where it goes on beyond the axis', () => {
    expect(stretchesOf(gap({ high: 7 }), -1, 2)).toEqual([
      { from: 0.2, to: 2, openLeft: false, openRight: true },
    ]);
    expect(stretchesOf(gap({ low: null }), -1, 2)).toEqual([
      { from: -1, to: 0.9, openLeft: true, openRight: false },
    ]);
  });

  test('is the whole axis with two arrows where it has no bounds', () => {
    expect(stretchesOf(gap({ kind: 'unbounded', low: null, high: null }), -1, 2)).toEqual([
      { from: -1, to: 2, openLeft: true, openRight: true },
    ]);
  });

  test('is two rays where it is everything outside an interval', () => {
    expect(stretchesOf(gap({ kind: 'exclusive', low: -0.5, high: 0.1 }), -1, 2)).toEqual([
      { from: -1, to: -0.5, openLeft: true, openRight: false },
      { from: 0.1, to: 2, openLeft: false, openRight: true },
    ]);
  });

  test('is nothing for one cell and where there is no gap', () => {
    expect(stretchesOf(gap({ cells: 1, low: null, high: null, kind: 'unbounded' }), -1, 2)).toEqual([]);
    expect(stretchesOf(gap({ value: null, low: null, high: null, kind: 'unbounded' }), -1, 2)).toEqual([]);
  });
});

test('the axis of PGR shows 0 and 1, every bounded interval, and stays within reason', () => {
  const [low, high] = gapDomain(dialects.rows);
  for (const { pgr } of dialects.rows) {
    expect(pgr?.low ?? 0).toBeGreaterThanOrEqual(low);
    expect(pgr?.high ?? 1).toBeLessThanOrEqual(high);
  }
  const wild = gapDomain(noGap.rows);
  expect(wild[0]).toBeGreaterThan(-3);
  expect(wild[1]).toBeLessThan(4);
});

test('methods that take examples are plotted by what else they say, refinement without examples at 0', () => {
  const points = examplePoints(dialects, results);
  expect(points.map(({ series, examples }) => `${series} ${examples}`)).toEqual([
    'contexts=1 4',
    'contexts=4 4',
    'contexts=1 12',
    'contexts=4 12',
    'contexts=1 23',
    'contexts=4 23',
    'without examples 0',
  ]);
});

test('curves are means over the cells that have them, at the steps that all of them have', () => {
  const curves = meanCurves(dialects, results, accuracyCurve);
  const naive = curves.filter(({ method }) => method === 'naive labels=hard');
  expect(naive.map(({ step }) => step)).toEqual([0, 1, 2, 5, 10, 20, 50, 100, 150, 200]);
  const last = results.trials
    .filter(({ method, task }) => method === 'naive labels=hard' && task === 'dialects')
    .map(({ trajectory }) => trajectory?.at(-1)?.accuracy ?? 0);
  expect(naive.at(-1)?.value).toBeCloseTo(last.reduce((sum, value) => sum + value, 0) / 16, 12);
  expect(naive.at(-1)?.cells).toBe(16);
  expect(curves.some(({ method }) => method === 'zero-shot')).toBe(false);
});

describe('the timeline', () => {
  const timing = (worker: string, kind: string, from: number, to: number): StageTiming => {
    const at = (seconds: number): string => new Date(Date.UTC(2026, 0, 1) + seconds * 1000).toISOString();
    return {
      kind,
      key: `${from}`,
      title: `${kind} ${from}`,
      worker,
      started: at(from),
      finished: at(to),
      attempt: 1,
    };
  };

  test('starts at 0, and cuts out time in which nobody worked', () => {
    const { bars, cuts, length } = timelineOf([
      timing('a', 'pretrain', 100, 200),
      timing('b', 'pretrain', 150, 210),
      timing('a', 'finetune', 4210, 4300),
    ]);
    expect(bars.map(({ from, to }) => to - from).map(Math.round)).toEqual([100, 60, 90]);
    expect(bars[0]?.from).toBe(0);
    expect(cuts).toEqual([{ at: expect.closeTo(111.5, 1) as number, seconds: 4000, told: '1 h 7 min idle' }]);
    expect(length).toBeCloseTo(203, 0);
  });

  test('keeps a pause that is short', () => {
    expect(timelineOf([timing('a', 'pretrain', 0, 100), timing('a', 'finetune', 110, 200)]).cuts).toEqual([]);
  });

  test('draws thousands of stages together: as many bars as can be seen, no work lost', () => {
    const many = Array.from({ length: 5000 }, (_, index) =>
      timing('a', index % 2 ? 'finetune' : 'evaluate', index, index + (index % 2 ? 0.9 : 0.3)),
    );
    const { bars, isDrawnTogether } = timelineOf(many);
    expect(isDrawnTogether).toBe(true);
    expect(bars.length).toBeLessThanOrEqual(400);
    const started = bars.map(({ told }) => Number(/(\d+) stages? started/.exec(told)?.[1]));
    expect(started.reduce((sum, count) => sum + count, 0)).toBe(5000);
  });

  test.each([
    [0.123, '0.12 s'],
    [59.6, '60 s'],
    [119.7, '2 min'],
    [3599, '1 h'],
    [3723, '1 h 2 min'],
    [10_800, '3 h'],
  ])('%f seconds are %s', (seconds, text) => {
    expect(duration(seconds)).toBe(text);
  });
});
