/** @file Scores against the parameters that a sweep gives several numbers. */
import { parameterChart, parameterFigures, type ParameterFigure } from '../charts/parameters.js';
import { fragment, type Markup } from '../markup.js';
import type { Results } from '../results.js';
import { groupsOf, percent, type Group } from '../rows.js';
import { drawChart } from '../vega.js';
import { figure } from './figures.js';

/** More figures than this are not read; the numbers are in results.json. */
const mostFigures = 12;

/** Empty where no parameter takes several numbers. */
export async function parametersSection(results: Results): Promise<Markup | undefined> {
  const groups = groupsOf(results);
  const all = groups.flatMap((group) =>
    parameterFigures(group, results.curves).map((found) => ({ group, found })),
  );
  if (all.length === 0) return undefined;
  const parts: Markup[] = [];
  for (const [index, { group, found }] of all.slice(0, mostFigures).entries()) {
    if (groups.length > 1 && all[index - 1]?.group !== group) parts.push(fragment`<h3>${group.title}</h3>`);
    const name = `${group.metric.name} by ${titleOf(found)} on ${group.title}`;
    parts.push(figure(await drawChart(parameterChart(found, group.metric), name), captionOf(group, found)));
  }
  const left = all.length - mostFigures;
  return fragment`<section id="parameters">
    <h2>Parameters</h2>
    ${parts}
    ${left > 0 && fragment`<p class="quiet">${left} more curves are in results.json.</p>`}
  </section>`;
}

const titleOf = ({ parameter, others }: ParameterFigure): string =>
  others === '' ? parameter : `${parameter} (${others})`;

function captionOf({ metric }: Group, found: ParameterFigure): Markup {
  const level = percent(found.curves[0]?.points[0]?.score.level ?? 0.95);
  const cells = found.curves.flatMap(({ points }) => points.map((point) => point.cells));
  const many = [...new Set([Math.min(...cells), Math.max(...cells)])].join(' to ');
  return fragment`<b>${metric.name} against ${titleOf(found)}.</b> Mean over cells (${many} a point) with its
    ${level} interval; dashed lines are controls and
    baselines.${found.levels.length > 0 && ' Bands: the weak supervisor and the ceiling with their intervals.'}`;
}
