/** @file What charts are drawn from: unbounded sets, axes, curves over cells, time. */
import { beforeAll, describe, expect, test } from 'vitest';
import { sampleResults } from '../../test/results.js';
import type { GapRecovered, Results, StageTiming } from '../results.js';
import { groupsOf, type Group } from '../rows.js';
import { summarise } from '../summaries.js';
import { scoreCurve, meanCurves } from './curves.js';
import { parameterChart, parameterFigures, scaleOf } from './parameters.js';
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
    expect(Math.max(pgr?.low ?? 0, -2)).toBeGreaterThanOrEqual(low);
    expect(Math.min(pgr?.high ?? 1, 3)).toBeLessThanOrEqual(high);
  }
  const wild = gapDomain(noGap.rows);
  expect(wild[0]).toBeGreaterThan(-3);
  expect(wild[1]).toBeLessThan(4);
});

describe('scores against a parameter', () => {
  test('have a line for each choice of what else a method says, refinement without examples at 0', () => {
    const [figure] = parameterFigures(dialects, results.curves).filter(({ of }) => of === 'method');
    const lines = figure!.curves.map(
      ({ series, points }) => `${series}: ${points.map(({ at }) => at).join(' ')}`,
    );
    expect(figure!.parameter).toBe('examples');
    expect(lines).toEqual([
      'icl-refinement contexts=1: 4 12 23',
      'icl-refinement contexts=4: 4 12 23',
      'zero-examples labels=hard: 0',
      'zero-examples labels=soft: 0',
    ]);
    expect(figure!.levels.map(({ role }) => role)).toEqual(['weak', 'ceiling']);
  });

  test('of a task have a line for every method, and for the floor and the ceiling', () => {
    const trials = results.trials.map((trial) => ({
      ...trial,
      taskValues: { examples: 2 ** Number(trial.taskValues['dialect']), length: 3 },
    }));
    const { curves } = summarise(trials);
    const figure = parameterFigures(dialects, curves).find(({ of }) => of === 'task')!;
    expect(figure).toMatchObject({ parameter: 'examples', others: 'length=3', levels: [] });
    expect(figure.curves.map(({ role }) => role)).toContain('ceiling');
    expect(figure.curves[0]!.points.map(({ at }) => at)).toEqual([1, 2, 4, 8, 16, 32, 64, 128]);
  });

  test('are not drawn for numbers that only tell things apart', () => {
    expect(results.curves.filter(({ of }) => of === 'task')).toEqual([]);
  });

  test('run by powers where numbers span more than a decade', () => {
    expect(scaleOf([4, 12, 23])).toBe('linear');
    expect(scaleOf([1, 2, 4, 8, 16])).toBe('log');
    expect(scaleOf([0, 1, 2, 4, 8, 16])).toBe('symlog');
    expect(scaleOf([-1, 1, 100])).toBe('linear');
  });

  test('fall along an axis of powers where they are risks, and stay on it', () => {
    const [curve] = results.curves;
    const score = (mean: number) => ({ mean, low: mean - 0.01, high: mean + 0.01, level: 0.95 });
    const risk = { name: 'risk', higherIsBetter: false };
    const points = [0.5, 0.05, 0.005].map((mean, index) => ({
      at: 2 ** index,
      score: score(mean),
      cells: 3,
    }));
    const figure = {
      parameter: 'n',
      of: 'task' as const,
      others: '',
      levels: [],
      curves: [{ ...curve!, points }],
    };
    const chart = JSON.stringify(parameterChart(figure, risk));
    expect(chart).toContain('"type":"log","domain":[0.0025,');
    expect(chart).not.toMatch(/"low":-/);
  });
});

test('curves are means over the cells that have them, at the steps that all of them have', () => {
  const curves = meanCurves(dialects, results, scoreCurve);
  const naive = curves.filter(({ method }) => method === 'naive labels=hard');
  expect(naive.map(({ step }) => step)).toEqual([0, 1, 2, 5, 10, 20, 50, 100, 150, 200]);
  const last = results.trials
    .filter(({ method, task }) => method === 'naive labels=hard' && task === 'dialects')
    .map(({ trajectory }) => trajectory?.at(-1)?.score ?? 0);
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
