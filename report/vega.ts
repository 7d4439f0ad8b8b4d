/** @file Vega-Lite specifications drawn as SVG in Node: deterministic, accessible, in the page's own colours. */
import * as vega from 'vega';
import { compile, type Config, type TopLevelSpec } from 'vega-lite';
import { escape, trusted, type Markup } from './markup.js';
import { tone } from './palette.js';

const fonts = 'system-ui, sans-serif';

const config: Config = {
  background: 'transparent',
  font: fonts,
  padding: { left: 4, right: 12, top: 6, bottom: 4 },
  view: { stroke: null },
  axis: {
    labelColor: tone('muted'),
    labelFontSize: 12,
    titleColor: tone('muted'),
    titleFontSize: 12,
    titleFontWeight: 'normal',
    titlePadding: 10,
    gridColor: tone('grid'),
    domainColor: tone('faint'),
    tickColor: tone('faint'),
  },
  header: { labelColor: tone('ink'), labelFontSize: 12, titleColor: tone('ink'), labelFontWeight: 600 },
  legend: {
    labelColor: tone('ink'),
    labelFontSize: 12,
    titleColor: tone('muted'),
    titleFontSize: 12,
    titleFontWeight: 'normal',
  },
  text: { color: tone('ink'), fontSize: 12 },
};

/**
 * A Vega-Lite specification. Its published types are unions so wide that every literal needs a cast; the compiler
 * checks what is in it when it is drawn.
 */
export type ChartSpec = Record<string, unknown>;

/**
 * Draws a chart. Marks that carry a description get it as a native tooltip too.
 * @param name what the chart is, for those who cannot see it
 */
export async function drawChart(spec: ChartSpec, name: string): Promise<Markup> {
  const { spec: compiled } = compile({ ...spec, config } as unknown as TopLevelSpec);
  const view = new vega.View(vega.parse(compiled), { renderer: 'none' });
  try {
    return trusted(accessible(await view.toSVG(), name));
  } finally {
    view.finalize();
  }
}

/** `<line aria-label="x" …/>` → the same with a `<title>`, and the whole with a name and a size that adapts. */
function accessible(svg: string, name: string): string {
  return svg
    .replace(
      /<(path|line|rect|text) aria-label="([^"]*)"([^>]*)\/>/g,
      '<$1 aria-label="$2"$3><title>$2</title></$1>',
    )
    .replace(/ xmlns:xlink="[^"]*"| version="1\.1"/g, '')
    .replace(
      /<svg ([^>]*)class="marks" width="([\d.]+)" height="([\d.]+)"/,
      (_, rest: string, width: string, height: string) =>
        `<svg ${rest}class="chart" role="img" aria-label="${escape(name)}" width="${width}" height="${height}" style="--width:${width}px"`,
    );
}
