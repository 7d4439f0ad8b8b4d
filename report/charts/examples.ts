/** @file Chart: accuracy against the number of in-context examples. */
import { formatInterval } from '../../metrics/format.js';
import { seriesTones, tone } from '../palette.js';
import type { Interval, Results } from '../results.js';
import type { Group } from '../rows.js';
import type { ChartSpec } from '../vega.js';
import { isOf } from './methods.js';

interface Point {
  examples: number;
  /** The rest of the method's values: "contexts=4". */
  series: string;
  value: number;
  low: number;
  high: number;
  told: string;
}

/** The control that refines without examples stands at 0. */
const withoutExamples = 'zero-examples';
const ownLabels = 'without examples';

/** Methods that say how many examples they take, by what else they say. */
export function examplePoints(group: Group, results: Pick<Results, 'trials'>): Point[] {
  const valuesOf = new Map(
    results.trials.filter((trial) => isOf(group, trial)).map((trial) => [trial.method, trial.methodValues]),
  );
  const points = group.rows.flatMap(({ method, accuracy }): Point[] => {
    if (accuracy === null) return [];
    const { examples, ...others } = valuesOf.get(method) ?? {};
    const isControl = method.split(' ')[0] === withoutExamples;
    if (typeof examples !== 'number' && !isControl) return [];
    const { mean, low, high } = accuracy;
    const series = Object.entries(others)
      .map(([name, value]) => `${name}=${String(value)}`)
      .join(' ');
    return [
      {
        examples: typeof examples === 'number' ? examples : 0,
        series: isControl ? ownLabels : series === '' ? (method.split(' ')[0] ?? method) : series,
        value: mean,
        low: low ?? mean,
        high: high ?? mean,
        told: `${method}: accuracy ${formatInterval(accuracy)}`,
      },
    ];
  });
  // Without any method that takes examples there is nothing to plot.
  return points.some((point) => point.series !== ownLabels) ? points : [];
}

export function examplesChart(points: readonly Point[], group: Group): ChartSpec {
  const series = [...new Set(points.map((point) => point.series))];
  const counts = [...new Set(points.map((point) => point.examples))].sort((a, b) => a - b);
  const most = counts.at(-1) ?? 1;
  const baselines = group.rows.flatMap(({ role, method, accuracy }) =>
    accuracy !== null && (role === 'weak' || role === 'ceiling')
      ? [
          {
            role,
            method,
            ...ends(accuracy),
            start: -most * 0.04,
            end: most * 1.06,
            told: `${method}: accuracy ${formatInterval(accuracy)}`,
          },
        ]
      : [],
  );
  const values = [...points, ...baselines].flatMap(({ low, high }) => [low, high]);
  const domain = [Math.min(...values) - 0.02, Math.max(...values) + 0.02];
  const x = {
    field: 'examples',
    type: 'quantitative',
    scale: { domain: [-most * 0.04, most * 1.06], nice: false },
    axis: { title: 'weak-labelled examples in context', values: counts, grid: false, format: 'd' },
  };
  const y = (field: string) => ({
    field,
    type: 'quantitative',
    scale: { domain, zero: false, nice: false },
    axis: { title: 'accuracy on test', format: '.2f', tickCount: 6 },
  });
  const roleColour = {
    field: 'role',
    type: 'nominal',
    scale: { domain: ['weak', 'ceiling'], range: [tone('weak'), tone('ceiling')] },
    legend: null,
  };
  const color = {
    field: 'series',
    type: 'nominal',
    sort: series,
    scale: { domain: series, range: series.map((_, index) => seriesTones[index % seriesTones.length]) },
    legend: { title: null, orient: 'bottom', symbolType: 'circle', symbolSize: 90, symbolOpacity: 1 },
  };
  const acrossX = { field: 'start', type: 'quantitative' };
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v5.json',
    width: 560,
    height: 300,
    resolve: { scale: { color: 'independent' } },
    layer: [
      {
        data: { values: baselines },
        mark: { type: 'rect', opacity: 0.13 },
        encoding: {
          x: { ...acrossX, scale: x.scale },
          x2: { field: 'end' },
          y: y('low'),
          y2: { field: 'high' },
          color: roleColour,
          description: { field: 'told' },
        },
      },
      {
        data: { values: baselines },
        mark: { type: 'rule', strokeDash: [2, 3], strokeWidth: 1.2 },
        encoding: {
          x: { ...acrossX, scale: x.scale },
          x2: { field: 'end' },
          y: y('mean'),
          color: roleColour,
        },
      },
      {
        data: { values: baselines },
        mark: { type: 'text', align: 'right', dx: -6, dy: -8, fontSize: 12 },
        encoding: {
          x: { field: 'end', type: 'quantitative' },
          y: y('mean'),
          text: { field: 'method' },
          color: roleColour,
        },
      },
      {
        data: { values: points },
        encoding: { x, color },
        layer: [
          { mark: { type: 'line', strokeWidth: 2 }, encoding: { y: y('value') } },
          {
            mark: { type: 'rule', strokeWidth: 2, opacity: 0.7 },
            encoding: { y: y('low'), y2: { field: 'high' }, description: { field: 'told' } },
          },
          {
            mark: {
              type: 'point',
              filled: true,
              size: 80,
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

function ends({ mean, low, high }: Interval & { mean: number }): { mean: number; low: number; high: number } {
  return { mean, low: low ?? mean, high: high ?? mean };
}
