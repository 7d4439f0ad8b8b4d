/** @file Chart: a risk against a number, with both fits, on axes where the better one is straight if there is room. */
import { valueOf } from '../../metrics/decay-fit.js';
import { meanInterval } from '../../metrics/interval.js';
import type { Decay } from '../decays.js';
import { tone } from '../palette.js';
import type { ChartSpec } from '../vega.js';

/** Beyond such a span the small numbers would lie on one another on an axis that is not logarithmic. */
const widest = 100;
/** Points of a fitted line. */
const resolution = 120;

export function decayChart({ curve, study, parameter, metric }: Decay): ChartSpec {
  const columns = curve.n.flatMap((n, i) => (n > 0 ? [{ n, i }] : []));
  const isExponential = study.better === 'exponential';
  const [first, last] = [columns[0]!.n, columns.at(-1)!.n];
  const isLinear = isExponential && last / first <= widest;
  const places = Array.from({ length: resolution }, (_, step) => {
    const share = step / (resolution - 1);
    return isLinear ? first + share * (last - first) : first * (last / first) ** share;
  });
  const names = ['exponential', 'power law'] as const;
  const lines = names.flatMap((name) => {
    const { fit } = name === 'exponential' ? study.exponential : study.power;
    return places.map((n) => ({ fit: name, n, value: valueOf(fit, n) }));
  });
  const values = columns.flatMap(({ i }) => curve.runs.map((run) => run[i]!));
  const [lowest, highest] = [Math.min(...values) / 1.3, Math.max(...values) * 1.3];
  const points = columns.map(({ n, i }) => {
    const { mean: centre, low, high } = meanInterval(curve.runs.map((run) => Math.log(run[i]!)));
    return { n, value: Math.exp(centre), low: Math.exp(low ?? centre), high: Math.exp(high ?? centre) };
  });
  const runs = columns.flatMap(({ n, i }) => curve.runs.map((run) => ({ n, value: run[i]! })));
  const x = {
    field: 'n',
    type: 'quantitative',
    scale: {
      type: isLinear ? 'linear' : 'log',
      domain: [isLinear ? 0 : first / 1.1, last * 1.03],
      nice: false,
    },
    axis: { title: parameter, grid: false, format: '.4~r', tickCount: 8 },
  };
  const y = (field: string) => ({
    field,
    type: 'quantitative',
    scale: { type: 'log', domain: [lowest, highest], nice: false },
    axis: { title: `${metric.name} on test`, format: '~e', tickCount: 6 },
  });
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v5.json',
    width: 560,
    height: 280,
    layer: [
      {
        data: { values: runs },
        mark: { type: 'point', filled: true, size: 8, opacity: 0.35, color: tone('muted') },
        encoding: { x, y: y('value') },
      },
      {
        data: { values: lines.filter(({ value }) => value >= lowest && value <= highest) },
        mark: { type: 'line', strokeWidth: 1.8 },
        encoding: {
          x,
          y: y('value'),
          color: {
            field: 'fit',
            type: 'nominal',
            scale: { domain: names, range: [tone('method'), tone('weak')] },
            legend: { title: null, orient: 'bottom' },
          },
          strokeDash: {
            field: 'fit',
            type: 'nominal',
            scale: {
              domain: names,
              range: [
                [1, 0],
                [5, 3],
              ],
            },
            legend: { title: null, orient: 'bottom' },
          },
        },
      },
      {
        data: { values: points },
        mark: { type: 'rule', strokeWidth: 2, color: tone('ink') },
        encoding: { x, y: y('low'), y2: { field: 'high' } },
      },
      {
        data: { values: points },
        mark: { type: 'point', filled: true, size: 55, opacity: 1, color: tone('ink') },
        encoding: { x, y: y('value') },
      },
    ],
  };
}
