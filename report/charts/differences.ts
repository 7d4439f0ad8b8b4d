/** @file Chart: differences from a reference, with intervals each by itself and all together. */
import { formatDifference, formatP } from '../../metrics/format.js';
import { verdict } from '../comparisons.js';
import { roleTone, tone } from '../palette.js';
import type { Comparison, TrialRole } from '../results.js';
import type { ChartSpec } from '../vega.js';

const rowHeight = 26;
/** Vega reserves too much for text that it cannot measure in Node. */
const labelWidthPerChar = 6.7;
const narrowestLabels = 110;
const roles: readonly TrialRole[] = ['weak', 'method', 'control', 'ceiling'];

export function differencesChart(comparisons: readonly Comparison[]): ChartSpec {
  const values = comparisons.map((comparison) => {
    const { method, role, difference, simultaneous, adjusted } = comparison;
    const { mean } = difference;
    return {
      method,
      role,
      mean,
      low: difference.low ?? mean,
      high: difference.high ?? mean,
      outerLow: simultaneous.low ?? mean,
      outerHigh: simultaneous.high ?? mean,
      isFound: verdict(comparison) !== undefined,
      told: `${method}: ${formatDifference(difference)} by itself, ${formatDifference({ ...simultaneous, mean })} with the others, p ${formatP(adjusted)} (Holm)`,
    };
  });
  const methods = values.map(({ method }) => method);
  const [metric] = comparisons.map((comparison) => comparison.metric.name);
  const labelWidth = Math.max(narrowestLabels, ...methods.map((method) => method.length * labelWidthPerChar));
  const y = {
    field: 'method',
    type: 'nominal',
    sort: methods,
    title: null,
    axis: {
      labelLimit: 0,
      minExtent: labelWidth,
      maxExtent: labelWidth,
      ticks: false,
      domain: false,
      labelColor: tone('ink'),
      labelFontSize: 12.5,
      labelPadding: 8,
      grid: true,
    },
  };
  const x = (field: string) => ({
    field,
    type: 'quantitative',
    scale: { zero: true, nice: true },
    axis: {
      title: `difference in ${metric ?? ''}`,
      grid: false,
      tickCount: 7,
      format: '~g',
      labelExpr: "replace(datum.label, '-', '−')",
    },
  });
  const color = {
    field: 'role',
    type: 'nominal',
    scale: { domain: [...roles], range: roles.map(roleTone) },
    legend: null,
  };
  const point = { type: 'point', filled: true, size: 75, opacity: 1, strokeWidth: 1 };
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v5.json',
    width: 560,
    height: methods.length * rowHeight,
    data: { values },
    encoding: { y, color, description: { field: 'told' } },
    layer: [
      {
        data: { values: [{ at: 0 }] },
        mark: { type: 'rule', strokeDash: [2, 3], strokeWidth: 1.2, color: tone('muted') },
        encoding: { x: { field: 'at', type: 'quantitative' }, y: null, color: null, description: null },
      },
      {
        mark: { type: 'rule', strokeWidth: 1.2, opacity: 0.75 },
        encoding: { x: x('outerLow'), x2: { field: 'outerHigh' } },
      },
      {
        mark: { type: 'rule', strokeWidth: 3.5, strokeCap: 'round' },
        encoding: { x: x('low'), x2: { field: 'high' } },
      },
      {
        transform: [{ filter: 'datum.isFound' }],
        mark: { ...point, stroke: tone('paper') },
        encoding: { x: x('mean') },
      },
      {
        transform: [{ filter: '!datum.isFound' }],
        mark: { ...point, filled: false, fill: tone('paper'), strokeWidth: 2 },
        encoding: { x: x('mean') },
      },
    ],
  };
}
