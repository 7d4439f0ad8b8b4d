/** @file Chart: scores against a numeric parameter, a line for each method, beside the floor and the ceiling. */
import { formatScore } from '../../metrics/format.js';
import { roleTone, seriesTones, tone } from '../palette.js';
import type { MeanInterval, ParameterCurve, TrialRole } from '../results.js';
import type { Group } from '../rows.js';
import type { ChartSpec } from '../vega.js';
import { scoreDomain } from './methods.js';

/** Curves that share axes: one parameter, one choice of what else varies. */
export interface ParameterFigure {
  readonly parameter: string;
  readonly of: ParameterCurve['of'];
  /** "length=3" */
  readonly others: string;
  readonly curves: readonly ParameterCurve[];
  /** Baselines that do not depend on the parameter. */
  readonly levels: readonly { role: TrialRole; method: string; score: MeanInterval }[];
}

/** More lines than this are told apart by nobody. */
const mostLines = 12;
/** The control that refines without examples stands where a method with examples has none. */
const withoutExamples = /^zero-examples( |$)/;

/** The figures of a group: one for each parameter and choice of the others. */
export function parameterFigures(group: Group, all: readonly ParameterCurve[]): ParameterFigure[] {
  const own = all.filter(({ group: { task, weak, strong } }) => isSame(group, { task, weak, strong }));
  const figures = new Map<string, ParameterFigure & { curves: ParameterCurve[] }>();
  for (const curve of own) {
    const { parameter, of, others } = curve;
    const key = JSON.stringify([parameter, of, others]);
    const levels = of === 'task' ? [] : baselines(group);
    const figure = figures.get(key) ?? { parameter, of, others, curves: [], levels };
    figure.curves.push(curve);
    figures.set(key, figure);
  }
  return [...figures.values()].map((figure) => ({
    ...figure,
    curves: [...figure.curves, ...controlAtNone(group, figure)].slice(0, mostLines),
  }));
}

const isSame = (a: Pick<Group, 'task' | 'weak' | 'strong'>, b: ParameterCurve['group']): boolean =>
  a.task === b.task && a.weak === b.weak && a.strong === b.strong;

function baselines(group: Group): ParameterFigure['levels'] {
  return group.rows.flatMap(({ role, method, score }) =>
    score !== null && (role === 'weak' || role === 'ceiling') ? [{ role, method, score }] : [],
  );
}

/** Refinement without examples as a point at 0, beside curves over the number of examples. */
function controlAtNone(group: Group, { of, parameter, curves }: ParameterFigure): ParameterCurve[] {
  if (of !== 'method' || parameter !== 'examples') return [];
  const { task, weak, strong, metric } = group;
  return group.rows.flatMap(({ method, role, score, cells }) =>
    score !== null && withoutExamples.test(method) && curves.every(({ series }) => series !== method)
      ? [
          {
            group: { task, weak, strong },
            of,
            parameter,
            others: '',
            series: method,
            role,
            metric,
            points: [{ at: 0, score, cells }],
          },
        ]
      : [],
  );
}

/** How an axis runs: by powers where its numbers span more than a decade, past 0 where they begin there. */
export function scaleOf(numbers: readonly number[]): 'linear' | 'log' | 'symlog' {
  const positive = numbers.filter((number) => number > 0);
  const span = Math.max(...positive) / Math.min(...positive);
  if (positive.length < 2 || span < 12 || numbers.some((number) => number < 0)) return 'linear';
  return positive.length === numbers.length ? 'log' : 'symlog';
}

export function parameterChart(figure: ParameterFigure, metric: Group['metric']): ChartSpec {
  const { curves, levels, parameter } = figure;
  const numbers = [...new Set(curves.flatMap(({ points }) => points.map(({ at }) => at)))].sort(
    (a, b) => a - b,
  );
  const names = curves.map(({ series }) => series);
  const means = curves.flatMap(({ points }) => points.map(({ score }) => score.mean));
  // Risks fall by orders of magnitude; an end of an interval at or below 0 has no place on such an axis.
  const yScale =
    !metric.higherIsBetter && Math.min(...means) > 0 && scaleOf(means) === 'log' ? 'log' : 'linear';
  const lowest = Math.min(...means) / 2;
  const lowOf = ({ low, mean }: MeanInterval): number =>
    yScale === 'log' ? Math.max(low ?? mean, lowest) : (low ?? mean);
  const points = curves.flatMap(({ series, points: known }) =>
    known.map(({ at, score, cells }) => ({
      series,
      at,
      value: score.mean,
      low: lowOf(score),
      high: score.high ?? score.mean,
      told: `${series}, ${parameter} ${at}: ${metric.name} ${formatScore(score)}, ${cells} cells`,
    })),
  );
  const xScale = scaleOf(numbers);
  const [first, last] = [numbers[0]!, numbers.at(-1)!];
  const step = (last - first) * 0.05;
  const xDomain =
    xScale === 'linear'
      ? [first - step, last + step]
      : xScale === 'log'
        ? [first / 1.15, last * 1.15]
        : [first, last * 1.15];
  const flat = levels.map(({ role, method, score }) => ({
    role,
    method,
    mean: score.mean,
    low: lowOf(score),
    high: score.high ?? score.mean,
    start: xDomain[0],
    end: xDomain[1],
    told: `${method}: ${metric.name} ${formatScore(score)}`,
  }));
  const values = [...points, ...flat].flatMap(({ low, high }) => [low, high]);
  const yDomain = yScale === 'log' ? ([lowest, Math.max(...values) * 1.2] as const) : shown(values, means);
  // A mark's own clipping would need ids in the page.
  const clipped = <T extends { low: number; high: number }>(drawn: readonly T[]): T[] =>
    drawn.map((each) => ({
      ...each,
      low: Math.max(each.low, yDomain[0]),
      high: Math.min(each.high, yDomain[1]),
    }));
  const x = (field: string) => ({
    field,
    type: 'quantitative',
    scale: { type: xScale, ...(xScale === 'symlog' ? { constant: 1 } : {}), domain: xDomain, nice: false },
    axis: { title: parameter, values: thinned(numbers), grid: false, format: '~g', labelFlush: false },
  });
  const y = (field: string) => ({
    field,
    type: 'quantitative',
    scale: { type: yScale, domain: yDomain, nice: false, ...(yScale === 'log' ? {} : { zero: false }) },
    axis: { title: `${metric.name} on test`, format: yScale === 'log' ? '~e' : '~g', tickCount: 6 },
  });
  const color = {
    field: 'series',
    type: 'nominal',
    sort: names,
    scale: { domain: names, range: tonesOf(curves) },
    legend: {
      title: null,
      orient: 'bottom',
      columns: 2,
      symbolType: 'circle',
      symbolSize: 90,
      symbolOpacity: 1,
      labelLimit: 320,
    },
  };
  const byRole = {
    field: 'role',
    type: 'nominal',
    scale: { domain: ['weak', 'ceiling'], range: [tone('weak'), tone('ceiling')] },
    legend: null,
  };
  const dashes = {
    field: 'series',
    type: 'nominal',
    sort: names,
    scale: { domain: names, range: curves.map(({ role }) => (role === 'method' ? [1, 0] : [5, 3])) },
    legend: null,
  };
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v5.json',
    width: 620,
    height: 320,
    resolve: { scale: { color: 'independent' } },
    layer: [
      {
        data: { values: clipped(flat) },
        mark: { type: 'rect', opacity: 0.13 },
        encoding: {
          x: x('start'),
          x2: { field: 'end' },
          y: y('low'),
          y2: { field: 'high' },
          color: byRole,
          description: { field: 'told' },
        },
      },
      {
        data: { values: flat },
        mark: { type: 'rule', strokeDash: [2, 3], strokeWidth: 1.2 },
        encoding: { x: x('start'), x2: { field: 'end' }, y: y('mean'), color: byRole },
      },
      {
        data: { values: flat },
        mark: { type: 'text', align: 'right', dx: -6, dy: -8, fontSize: 12 },
        encoding: { x: x('end'), y: y('mean'), text: { field: 'method' }, color: byRole },
      },
      {
        data: { values: clipped(points) },
        encoding: { x: x('at'), color },
        layer: [
          { mark: { type: 'line', strokeWidth: 2 }, encoding: { y: y('value'), strokeDash: dashes } },
          {
            mark: { type: 'rule', strokeWidth: 2, opacity: 0.55 },
            encoding: { y: y('low'), y2: { field: 'high' }, description: { field: 'told' } },
          },
          {
            mark: {
              type: 'point',
              filled: true,
              size: 70,
              opacity: 1,
              stroke: tone('paper'),
              strokeWidth: 1,
            },
            encoding: { y: y('value'), description: { field: 'told' } },
          },
        ],
      },
    ],
  };
}

/** All of every interval, save that shares are not drawn beyond 0 and 1 for the sake of one that is. */
function shown(values: readonly number[], means: readonly number[]): [number, number] {
  const areShares = means.every((mean) => mean >= 0 && mean <= 1) && Math.max(...means) > 0.2;
  return scoreDomain(areShares ? values.map((value) => Math.min(1, Math.max(0, value))) : values);
}

/** The floor and the ceiling keep their colours; methods and controls take turns with the others. */
function tonesOf(curves: readonly ParameterCurve[]): string[] {
  let next = 0;
  return curves.map(({ role }) =>
    role === 'weak' || role === 'ceiling' ? roleTone(role) : seriesTones[next++ % seriesTones.length]!,
  );
}

/** The numbers themselves as ticks, as long as they have room. */
function thinned(numbers: readonly number[]): number[] {
  const most = 12;
  const every = Math.ceil(numbers.length / most);
  return numbers.filter((_, index) => index % every === 0 || index === numbers.length - 1);
}
