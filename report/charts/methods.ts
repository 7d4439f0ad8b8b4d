/** @file Chart: PGR and score of every method with their intervals, side by side. */
import { formatGap, formatNumber, formatScore, scoreDigits } from '../../metrics/format.js';
import { roleTone, tone } from '../palette.js';
import type { GapRecovered, MethodSummary, Results, TrialRole } from '../results.js';
import { isOf, roleNames, type Group } from '../rows.js';
import type { ChartSpec } from '../vega.js';

const rowHeight = 26;
/** Vega reserves too much for text that it cannot measure in Node. */
const labelWidthPerChar = 6.7;
const narrowestLabels = 110;
const panelWidth = 330;
const roles: readonly TrialRole[] = ['weak', 'method', 'control', 'ceiling'];

/** Half of the confidence set of a PGR, or all of it; an open end goes on beyond what is shown. */
interface Stretch {
  method: string;
  role: TrialRole;
  from: number;
  to: number;
  openLeft: boolean;
  openRight: boolean;
  bounded: boolean;
  told: string;
}

/**
 * What part of the axis of PGR a set covers.
 * @param low where the axis starts
 * @param high where it ends
 */
export function stretchesOf(
  gap: GapRecovered,
  low: number,
  high: number,
): { from: number; to: number; openLeft: boolean; openRight: boolean }[] {
  const clip = (end: number | null, open: number): number => Math.min(high, Math.max(low, end ?? open));
  if (gap.cells === 1 || gap.value === null) return [];
  if (gap.kind === 'unbounded') return [{ from: low, to: high, openLeft: true, openRight: true }];
  const [left, right] = [clip(gap.low, low), clip(gap.high, high)];
  if (gap.kind === 'exclusive')
    return [
      { from: low, to: left, openLeft: true, openRight: false },
      { from: right, to: high, openLeft: false, openRight: true },
    ];
  return [
    {
      from: left,
      to: right,
      openLeft: (gap.low ?? -Infinity) < low,
      openRight: (gap.high ?? Infinity) > high,
    },
  ];
}

/** The part of the axis that is worth showing: all bounded sets, 0 and 1, within reason. */
export function gapDomain(rows: readonly MethodSummary[]): [number, number] {
  const ends = rows.flatMap(({ pgr }) => {
    if (pgr === null || pgr.value === null) return [];
    return pgr.kind === 'bounded' && pgr.cells > 1
      ? [pgr.value, pgr.low ?? pgr.value, pgr.high ?? pgr.value]
      : [pgr.value];
  });
  const low = Math.max(-2, Math.min(-0.1, ...ends));
  const high = Math.min(3, Math.max(1.1, ...ends));
  const margin = (high - low) * 0.05;
  return [low - margin, high + margin];
}

export function methodsChart(group: Group, results: Pick<Results, 'trials'>): ChartSpec {
  const methods = group.rows.map(({ method }) => method);
  const height = methods.length * rowHeight;
  const labelWidth = Math.max(narrowestLabels, ...methods.map((method) => method.length * labelWidthPerChar));
  const colour = {
    field: 'role',
    type: 'nominal' as const,
    scale: { domain: [...roles], range: roles.map(roleTone) },
    legend: null,
  };
  const y = (withLabels: boolean) => ({
    field: 'method',
    type: 'nominal' as const,
    sort: methods,
    title: null,
    axis: withLabels
      ? {
          labelLimit: 0,
          minExtent: labelWidth,
          maxExtent: labelWidth,
          ticks: false,
          domain: false,
          labelColor: tone('ink'),
          labelFontSize: 12.5,
          labelPadding: 8,
          grid: true,
        }
      : { labels: false, ticks: false, domain: false, grid: true, minExtent: 0 },
  });
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v5.json',
    spacing: 26,
    hconcat: [
      { width: panelWidth, height, layer: gapLayers(group, y(true), colour) },
      { width: panelWidth, height, layer: scoreLayers(group, results, y(false), colour) },
    ],
  };
}

type Y = Record<string, unknown>;
type Layers = ChartSpec[];

function gapLayers(group: Group, y: Y, color: Record<string, unknown>): Layers {
  const domain = gapDomain(group.rows);
  const [low, high] = domain;
  const x = {
    field: 'from',
    type: 'quantitative' as const,
    scale: { domain, nice: false, zero: false },
    axis: { title: 'performance gap recovered', grid: false, tickCount: 6, labelExpr: minusSigns },
  };
  const told = ({ method, pgr }: MethodSummary): string =>
    `${method}: PGR ${pgr === null ? '–' : formatGap(pgr)}`;
  const stretches: Stretch[] = group.rows.flatMap((row) =>
    row.pgr === null
      ? []
      : stretchesOf(row.pgr, low, high).map((stretch) => ({
          ...stretch,
          method: row.method,
          role: row.role,
          bounded: row.pgr?.kind === 'bounded',
          told: told(row),
        })),
  );
  const points = group.rows.flatMap((row) => {
    const value = row.role === 'weak' ? 0 : row.role === 'ceiling' ? 1 : row.pgr?.value;
    if (value === null || value === undefined || value < low || value > high) return [];
    return [
      {
        method: row.method,
        role: row.role,
        from: value,
        alone: row.pgr?.cells === 1,
        told: definition(row) ?? told(row),
      },
    ];
  });
  const absent = group.rows
    .filter((row) => definition(row) === undefined && (row.pgr === null || row.pgr.value === null))
    .map((row) => ({
      method: row.method,
      from: low + (high - low) * 0.02,
      says: row.pgr === null ? 'not known' : 'no gap to recover',
    }));
  const alone = points.filter((point) => point.alone).map((point) => ({ ...point, says: 'one cell' }));
  const arrows = stretches.flatMap((stretch) => [
    ...(stretch.openLeft ? [{ ...stretch, from: stretch.from, shape: 'triangle-left' }] : []),
    ...(stretch.openRight ? [{ ...stretch, from: stretch.to, shape: 'triangle-right' }] : []),
  ]);
  return [
    reference([0, 1], ['weak', 'ceiling'], domain),
    {
      data: { values: stretches },
      mark: { type: 'rule', strokeWidth: 2.5, strokeCap: 'round' },
      encoding: {
        y,
        x,
        x2: { field: 'to' },
        color,
        strokeDash: { condition: { test: 'datum.bounded', value: [1, 0] }, value: [4, 4] },
        description: { field: 'told' },
      },
    },
    {
      data: { values: arrows },
      mark: { type: 'point', filled: true, size: 70, opacity: 1 },
      encoding: { y, x, color, shape: { field: 'shape', scale: null }, description: { field: 'told' } },
    },
    {
      data: { values: points },
      mark: { type: 'point', filled: true, size: 75, opacity: 1, stroke: tone('paper'), strokeWidth: 1 },
      encoding: { y, x, color, description: { field: 'told' } },
    },
    {
      data: { values: [...absent, ...alone] },
      mark: { type: 'text', align: 'left', dx: 8, fontSize: 11, fontStyle: 'italic', color: tone('muted') },
      encoding: { y, x, text: { field: 'says' } },
    },
  ];
}

function definition({ role, method }: MethodSummary): string | undefined {
  if (role === 'weak') return `${method}: PGR 0 by definition`;
  return role === 'ceiling' ? `${method}: PGR 1 by definition` : undefined;
}

function scoreLayers(
  group: Group,
  results: Pick<Results, 'trials'>,
  y: Y,
  color: Record<string, unknown>,
): Layers {
  const rows = group.rows.flatMap(({ method, role, score }) => {
    if (score === null) return [];
    const { mean, low, high } = score;
    return [
      {
        method,
        role,
        value: mean,
        low: low ?? mean,
        high: high ?? mean,
        told: `${method}: ${group.metric.name} ${formatScore(score)}`,
      },
    ];
  });
  const cells = cellsShown(group, results).map(({ id, method, role, score: { value, correct, total } }) => ({
    method,
    role,
    value,
    told: `${id}: ${formatNumber(value, scoreDigits(value))}${correct === null ? '' : ` (${correct} of ${total})`}`,
  }));
  const values = [...rows.flatMap(({ low, high }) => [low, high]), ...cells.map(({ value }) => value)];
  const domain = scoreDomain(values);
  const x = (field: string) => ({
    field,
    type: 'quantitative' as const,
    scale: { domain, nice: false, zero: false },
    axis: { title: `${group.metric.name} on test`, grid: false, tickCount: 6, format: '.3~g' },
  });
  const floors = rows.filter(({ role }) => role === 'weak' || role === 'ceiling');
  return [
    reference(
      floors.map(({ value }) => value),
      floors.map(({ role }) => role),
      domain,
    ),
    {
      data: { values: cells },
      mark: { type: 'tick', thickness: 1.5, size: 11, opacity: 0.28 },
      encoding: { y, x: x('value'), color, description: { field: 'told' } },
    },
    {
      data: { values: rows },
      mark: { type: 'rule', strokeWidth: 2.5, strokeCap: 'round' },
      encoding: { y, x: x('low'), x2: { field: 'high' }, color, description: { field: 'told' } },
    },
    {
      data: { values: rows },
      mark: { type: 'point', filled: true, size: 75, opacity: 1, stroke: tone('paper'), strokeWidth: 1 },
      encoding: { y, x: x('value'), color, description: { field: 'told' } },
    },
  ];
}

/** What an axis of scores shows: all of them and a little more, for shares not much beyond 0 and 1. */
export function scoreDomain(values: readonly number[]): [number, number] {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  if (values.length === 0) return [0, 1];
  const isShare = low >= -0.5 && high <= 1.5 && high > 0.2;
  const margin = isShare ? 0.03 : (high - low || Math.abs(high) || 1) * 0.06;
  return isShare ? [Math.max(0, low - margin), Math.min(1.02, high + margin)] : [low - margin, high + margin];
}

/** Beyond this many, single cells are a smear. */
const mostCells = 1500;

/** The trials that are shown one by one, each a tick: all of them or none. */
export function cellsShown(group: Group, results: Pick<Results, 'trials'>) {
  const done = results.trials.flatMap((trial) => {
    const { score } = trial;
    return score !== undefined && isOf(group, trial) ? [{ ...trial, score }] : [];
  });
  return done.length > mostCells ? [] : done;
}

/** Dashed lines at the floor and at the ceiling. */
function reference(
  values: readonly number[],
  kinds: readonly string[],
  domain: readonly number[],
): ChartSpec {
  return {
    data: {
      values: values.map((at, index) => ({
        at,
        role: kinds[index],
        told: roleNames[kinds[index] as TrialRole],
      })),
    },
    mark: { type: 'rule', strokeDash: [2, 3], strokeWidth: 1.2, opacity: 0.8 },
    encoding: {
      x: { field: 'at', type: 'quantitative', scale: { domain: [...domain], nice: false, zero: false } },
      color: {
        field: 'role',
        type: 'nominal',
        scale: { domain: [...roles], range: roles.map(roleTone) },
        legend: null,
      },
    },
  };
}

/** Axis labels with a true minus. */
const minusSigns = "replace(datum.label, '-', '−')";
