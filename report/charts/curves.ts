/** @file Charts: score and loss along the steps of fine-tuning, one small panel a method. */
import { formatNumber, scoreDigits } from '../../metrics/format.js';
import { meanInterval } from '../../metrics/interval.js';
import { roleTone } from '../palette.js';
import type { Results, TrialResult, TrialRole } from '../results.js';
import { isOf, type Group } from '../rows.js';
import type { ChartSpec } from '../vega.js';

export interface CurvePoint {
  method: string;
  role: TrialRole;
  step: number;
  value: number;
  low: number;
  high: number;
  cells: number;
}

const panelsAcross = 5;
const panelWidth = 152;
const panelHeight = 105;

/** More than a panel of this width can show. */
const mostPoints = 60;
/** Curves of few points tell each of them to who points at it. */
const mostTold = 25;

/** At most so many, evenly spread, with the first and the last. */
function thinned<T>(points: readonly T[]): readonly T[] {
  if (points.length <= mostPoints) return points;
  const every = (points.length - 1) / (mostPoints - 1);
  return Array.from({ length: mostPoints }, (_, index) => points[Math.round(index * every)] as T);
}

/** Mean over cells and its t interval at every step that all of a method's curves have. */
export function meanCurves(
  group: Group,
  results: Pick<Results, 'trials'>,
  curveOf: (trial: TrialResult) => readonly { step: number; value: number }[],
): CurvePoint[] {
  return group.rows.flatMap(({ method, role }) => {
    const curves = results.trials
      .filter((trial) => isOf(group, trial) && trial.method === method)
      .map(curveOf)
      .filter((curve) => curve.length > 1);
    const atStep = new Map<number, number[]>();
    for (const { step, value } of curves.flat()) {
      const values = atStep.get(step);
      if (values === undefined) atStep.set(step, [value]);
      else values.push(value);
    }
    const common = [...atStep]
      .filter(([, values]) => values.length === curves.length)
      .sort(([a], [b]) => a - b);
    return thinned(common).map(([step, values]): CurvePoint => {
      const { mean, low, high } = meanInterval(values);
      return {
        method,
        role,
        step,
        value: mean,
        low: low ?? mean,
        high: high ?? mean,
        cells: values.length,
      };
    });
  });
}

export const scoreCurve = (trial: TrialResult): { step: number; value: number }[] =>
  (trial.trajectory ?? []).map(({ step, score }) => ({ step, value: score }));

export const lossCurve = (trial: TrialResult): { step: number; value: number }[] =>
  (trial.training ?? []).map(({ step, loss }) => ({ step, value: loss }));

/** The score along the steps; the floor's and the ceiling's final score as lines in every panel. */
export function scoreCurvesChart(points: readonly CurvePoint[], group: Group): ChartSpec {
  const baselines = group.rows.flatMap(({ role, score }) =>
    score !== null && (role === 'weak' || role === 'ceiling') ? [{ role, at: score.mean }] : [],
  );
  const methods = [...new Set(points.map(({ method }) => method))];
  const lines = methods.flatMap((method) =>
    baselines.map(({ role, at }) => ({ panel: panelName(method), baseline: role, at })),
  );
  const steps = points.map(({ step }) => step);
  return panels(points, {
    title: `${group.metric.name} on test`,
    format: '.3~g',
    extra: lines,
    extraLayer: {
      transform: [{ filter: 'isValid(datum.baseline)' }],
      mark: { type: 'rule', strokeDash: [2, 3], strokeWidth: 1.1 },
      encoding: {
        y: { field: 'at', type: 'quantitative' },
        color: { field: 'baseline', type: 'nominal', scale: colours, legend: null },
      },
    },
    // The story is in the first steps, which a linear axis would hide.
    xScale: { type: 'symlog', constant: 2, domain: [Math.min(...steps), Math.max(...steps)], nice: false },
    xValues: ticksOf(steps),
  });
}

export function lossCurvesChart(points: readonly CurvePoint[]): ChartSpec {
  return panels(points, {
    title: 'training loss',
    format: '.2~f',
    extra: [],
    xScale: { nice: false },
    xCount: 3,
  });
}

/** The ends and two steps between. */
function ticksOf(steps: readonly number[]): number[] {
  const all = [...new Set(steps)].sort((a, b) => a - b);
  const wanted = [0, 5, 50, 500, 5000].filter((step) => all.includes(step));
  const last = all.at(-1) ?? 0;
  return [...new Set([all[0] ?? 0, ...wanted.filter((step) => step < last / 2), last])];
}

const roles: readonly TrialRole[] = ['weak', 'method', 'control', 'ceiling'];
const colours = { domain: [...roles], range: roles.map(roleTone) };

interface PanelOptions {
  title: string;
  format: string;
  extra: readonly Record<string, unknown>[];
  extraLayer?: Record<string, unknown>;
  xScale: Record<string, unknown>;
  xValues?: number[];
  xCount?: number;
}

function panels(points: readonly CurvePoint[], options: PanelOptions): ChartSpec {
  const names = [...new Set(points.map(({ method }) => panelName(method)))];
  const values = points.map((point) => ({
    ...point,
    panel: panelName(point.method),
    isTold: points.filter(({ method }) => method === point.method).length <= mostTold,
    told: `${point.method}, step ${point.step}: ${formatNumber(point.value, scoreDigits(point.value))} (mean of ${point.cells} cells)`,
  }));
  const isPoint = { filter: 'isValid(datum.step)' };
  const x = {
    field: 'step',
    type: 'quantitative',
    scale: options.xScale,
    axis: {
      title: null,
      grid: false,
      ...(options.xValues ? { values: options.xValues } : { tickCount: options.xCount }),
    },
  };
  const y = {
    type: 'quantitative',
    scale: { zero: false },
    axis: { title: null, tickCount: 3, format: options.format },
  };
  const color = { field: 'role', type: 'nominal', scale: colours, legend: null };
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v5.json',
    data: { values: [...values, ...options.extra] },
    facet: {
      field: 'panel',
      type: 'nominal',
      sort: names,
      title: null,
      header: {
        labelExpr: "split(datum.value, '\\n')",
        labelAnchor: 'start',
        labelPadding: 4,
        labelFontSize: 10.5,
        labelLimit: 0,
      },
    },
    columns: panelsAcross,
    spacing: { row: 14, column: 16 },
    spec: {
      width: panelWidth,
      height: panelHeight,
      layer: [
        ...(options.extraLayer ? [options.extraLayer] : []),
        {
          transform: [isPoint],
          mark: { type: 'area', opacity: 0.18 },
          encoding: { x, y: { ...y, field: 'low' }, y2: { field: 'high' }, color },
        },
        {
          transform: [isPoint],
          mark: { type: 'line', strokeWidth: 1.8 },
          encoding: { x, y: { ...y, field: 'value' }, color },
        },
        {
          transform: [{ filter: 'datum.isTold' }],
          mark: { type: 'point', size: 26, opacity: 0, filled: true },
          encoding: { x, y: { ...y, field: 'value' }, color, description: { field: 'told' } },
        },
      ],
    },
    resolve: { axis: { x: 'independent' } },
  };
}

/** The method on one line, its values on the next. */
function panelName(method: string): string {
  const [name = method, ...values] = method.split(' ');
  const isPlain = values.every((value) => !value.includes('='));
  return isPlain ? method : `${name}\n${values.join(' ')}`;
}
