/** @file Chart: which worker did what when; idle time cut out, and many short stages drawn together. */
import { kindTone, tone } from '../palette.js';
import type { StageTiming } from '../results.js';
import type { ChartSpec } from '../vega.js';

interface Span {
  from: number;
  to: number;
}

interface Bar extends Span {
  worker: string;
  kind: string;
  told: string;
}

export interface Timeline {
  bars: Bar[];
  /** Where idle time was cut out, and how much, in seconds. */
  cuts: { at: number; seconds: number; told: string }[];
  workers: string[];
  kinds: string[];
  /** Seconds on the axis. */
  length: number;
  isDrawnTogether: boolean;
}

const mostBars = 500;
const bins = 400;
/** Idle time that is worth cutting: longer than this, and than this share of the work. */
const leastCutSeconds = 20;
const leastCutShare = 0.04;

/** Lays out timings on one axis of seconds. */
export function timelineOf(timings: readonly StageTiming[]): Timeline {
  const spans = timings.map((timing) => ({
    ...timing,
    from: Date.parse(timing.started) / 1000,
    to: Date.parse(timing.finished) / 1000,
  }));
  const { place, cuts, length } = withoutIdleTime(spans);
  const kinds = [...new Set(spans.map(({ kind }) => kind))].sort((a, b) => order(a) - order(b));
  const workers = [...new Set(spans.map(({ worker }) => worker))].sort();
  const stages = spans.map(({ from, to, ...rest }) => ({ ...rest, from: place(from), to: place(to) }));
  const isDrawnTogether = stages.length > mostBars;
  const bars = isDrawnTogether
    ? workers.flatMap((worker) =>
        binned(
          worker,
          stages.filter((stage) => stage.worker === worker),
          length,
        ),
      )
    : stages.map(({ worker, kind, from, to, title, attempt }) => ({
        worker,
        kind,
        from,
        to,
        told: `${title}: ${duration(to - from)}${attempt > 1 ? `, attempt ${attempt}` : ''}`,
      }));
  return { bars, cuts, workers, kinds, length, isDrawnTogether };
}

const kindOrder = ['shard', 'pretrain', 'finetune', 'label', 'refine', 'evaluate', 'score'];
const order = (kind: string): number =>
  kindOrder.includes(kind) ? kindOrder.indexOf(kind) : kindOrder.length;

/** Maps times to seconds of the axis: time in which nobody worked is shortened to a thin gap. */
function withoutIdleTime(spans: readonly Span[]) {
  const sorted = [...spans].sort((a, b) => a.from - b.from);
  const busy: Span[] = [];
  for (const { from, to } of sorted) {
    const last = busy.at(-1);
    if (last !== undefined && from <= last.to) last.to = Math.max(last.to, to);
    else busy.push({ from, to });
  }
  const work = busy.reduce((sum, { from, to }) => sum + to - from, 0);
  const least = Math.max(leastCutSeconds, work * leastCutShare);
  const gapLength = work * 0.015;
  const offsets: { start: number; shift: number }[] = [];
  const cuts: Timeline['cuts'] = [];
  let shift = busy[0]?.from ?? 0;
  let end = busy[0]?.from ?? 0;
  for (const { from, to } of busy) {
    const idle = from - end;
    if (idle > least) {
      shift += idle - gapLength;
      cuts.push({ at: from - shift - gapLength / 2, seconds: idle, told: `${duration(idle)} idle` });
    }
    offsets.push({ start: from, shift });
    end = to;
  }
  const place = (time: number): number => {
    const found = offsets.findLast((offset) => offset.start <= time);
    return time - (found?.shift ?? shift);
  };
  return { place, cuts, length: Math.max(place(end), 1e-3) };
}

/** One bar for each stretch of time in which a worker mostly did one kind of work. */
function binned(worker: string, stages: readonly (Span & { kind: string })[], length: number): Bar[] {
  const width = length / bins;
  const busy = Array.from({ length: bins }, () => new Map<string, number>());
  const started = Array.from({ length: bins }, () => 0);
  for (const { kind, from, to } of stages) {
    const first = Math.min(bins - 1, Math.floor(from / width));
    const last = Math.min(bins - 1, Math.floor(to / width));
    started[first] = (started[first] ?? 0) + 1;
    for (let bin = first; bin <= last; bin++) {
      const share = Math.min(to, (bin + 1) * width) - Math.max(from, bin * width);
      const times = busy[bin];
      times?.set(kind, (times.get(kind) ?? 0) + Math.max(0, share));
    }
  }
  const bars: (Bar & { count: number })[] = [];
  for (const [bin, times] of busy.entries()) {
    const main = [...times].sort(([, a], [, b]) => b - a)[0]?.[0];
    if (main === undefined) continue;
    const last = bars.at(-1);
    const from = bin * width;
    if (last !== undefined && last.kind === main && last.to >= from - width * 1e-6) {
      last.to = from + width;
      last.count += started[bin] ?? 0;
    } else bars.push({ worker, kind: main, from, to: from + width, told: '', count: started[bin] ?? 0 });
  }
  return bars.map(({ count, ...bar }) => ({
    ...bar,
    told: `${worker}: mostly ${bar.kind}, ${count} ${count === 1 ? 'stage' : 'stages'} started in ${duration(bar.to - bar.from)}`,
  }));
}

/** "1 h 12 min", "3 min", "34 s", "0.2 s" */
export function duration(seconds: number): string {
  const parts = (big: number, bigName: string, small: number, smallName: string): string =>
    small === 0 ? `${big} ${bigName}` : `${big} ${bigName} ${small} ${smallName}`;
  if (seconds >= 3570) {
    const minutes = Math.round(seconds / 60);
    return parts(Math.floor(minutes / 60), 'h', minutes % 60, 'min');
  }
  const whole = Math.round(seconds);
  if (whole >= 90) return parts(Math.floor(whole / 60), 'min', whole % 60, 's');
  return seconds >= 10 ? `${whole} s` : `${Number(seconds.toFixed(2))} s`;
}

export function timelineChart(timeline: Timeline): ChartSpec {
  const { bars, cuts, workers, kinds, length } = timeline;
  const x = (field: string) => ({
    field,
    type: 'quantitative',
    scale: { domain: [0, length], nice: false },
    axis: { title: 'seconds of work', grid: false, tickCount: 8 },
  });
  const y = {
    field: 'worker',
    type: 'nominal',
    sort: workers,
    axis: {
      title: null,
      ticks: false,
      domain: false,
      labelColor: tone('ink'),
      labelLimit: 180,
      minExtent: 130,
      maxExtent: 180,
    },
    scale: { paddingInner: 0.35 },
  };
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v5.json',
    width: 780,
    height: Math.max(1, workers.length) * 36,
    layer: [
      {
        data: { values: bars },
        mark: { type: 'rect' },
        encoding: {
          x: x('from'),
          x2: { field: 'to' },
          y,
          color: {
            field: 'kind',
            type: 'nominal',
            scale: { domain: kinds, range: kinds.map(kindTone) },
            legend: { title: null, orient: 'top', symbolType: 'square', offset: 22 },
          },
          description: { field: 'told' },
        },
      },
      {
        data: { values: cuts },
        mark: { type: 'rule', strokeDash: [3, 3], color: tone('muted') },
        encoding: { x: x('at'), description: { field: 'told' } },
      },
      {
        data: { values: cuts },
        mark: { type: 'text', baseline: 'bottom', dy: -4, fontSize: 11, color: tone('muted') },
        encoding: { x: x('at'), y: { value: 0 }, text: { field: 'told' } },
      },
    ],
  };
}
