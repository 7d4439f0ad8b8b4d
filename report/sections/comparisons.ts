/** @file Each method beside a reference, paired; what holds over all tasks; what could not have been seen. */
import { formatP } from '../../metrics/format.js';
import {
  comparisonsOf,
  differenceText,
  fewTasksNote,
  medianText,
  powerNote,
  tasksText,
  verdict,
} from '../comparisons.js';
import { differencesChart } from '../charts/differences.js';
import { fragment, type Markup } from '../markup.js';
import type { Comparison, OverallSummary, Results } from '../results.js';
import { gapText, groupsOf, percent } from '../rows.js';
import { drawChart } from '../vega.js';
import { figure } from './figures.js';
import { methodName, withQuietEnds } from './summary.js';

export async function comparisonsSection(results: Results): Promise<Markup> {
  const groups = groupsOf(results);
  const parts: Markup[] = [];
  for (const group of groups) {
    const comparisons = comparisonsOf(results.comparisons, group);
    const [first] = comparisons;
    if (first === undefined) continue;
    if (groups.length > 1) parts.push(fragment`<h3>${group.title}</h3>`);
    const name = `Differences from ${first.reference} on ${group.title}`;
    parts.push(
      figure(
        await drawChart(differencesChart(comparisons), name),
        fragment`<b>What each is worth beside ${first.reference}.</b> Mean difference in
          ${first.metric.name} over the cells that have both${
            first.metric.higherIsBetter ? '' : ' (less is better)'
          }, paired, so that what a cell’s trials share is not in it. Thick: its ${percent(first.difference.level)}
          interval by itself. Thin: intervals that hold together for all methods, and for all controls (Bonferroni).
          Hollow: could be noise after Holm’s correction.`,
      ),
      comparisonTable(comparisons),
      ...powerNote(comparisons).map((note) => fragment`<p class="callout calm">${note}</p>`),
    );
  }
  const overall = overallTable(results);
  return fragment`<section id="comparisons">
    <h2>Comparisons</h2>
    ${parts.length > 0 ? parts : fragment`<p class="quiet">There is nothing to compare yet.</p>`} ${overall}
  </section>`;
}

function comparisonTable(comparisons: readonly Comparison[]): Markup {
  const [first] = comparisons;
  const body = comparisons.map((comparison, index) => {
    const isFirst = index > 0 && comparisons[index - 1]?.role !== comparison.role;
    const { p, adjusted, cells } = comparison;
    return fragment`<tr class="${isFirst ? 'first' : ''}">
      <td>${methodName(comparison)}</td>
      <td class="interval">${withQuietEnds(differenceText(comparison))}</td>
      <td class="number">${formatP(p)}</td>
      <td class="number">${formatP(adjusted)}</td>
      <td>${verdict(comparison) ?? ''}</td>
      <td class="number">${cells}</td>
    </tr>`;
  });
  return fragment`<div class="scroll">
    <table class="methods">
      <thead>
        <tr>
          <th>less ${first?.reference ?? ''}</th>
          <th>difference, intervals together</th>
          <th class="number">p</th>
          <th class="number">p (Holm)</th>
          <th></th>
          <th class="number">cells</th>
        </tr>
      </thead>
      <tbody>
        ${body}
      </tbody>
    </table>
  </div>`;
}

/** What holds over all tasks and pairs; nothing where there is one of each. */
function overallTable(results: Results): Markup | false {
  const { overall } = results;
  if (overall.length === 0) return false;
  const notes = new Set<string>();
  const beside = comparisonsOf(results.comparisons, null);
  const reference = beside[0]?.reference;
  const differenceOf = ({ method, role }: OverallSummary): string => {
    const found = beside.find((comparison) => comparison.method === method && comparison.role === role);
    return found === undefined ? '' : differenceText(found);
  };
  const body = overall.map((row, index) => {
    const isFirst = index > 0 && overall[index - 1]?.role !== row.role;
    return fragment`<tr class="${isFirst ? 'first' : ''}">
      <td>${methodName(row)}</td>
      <td class="interval">${withQuietEnds(medianText(row))}</td>
      <td class="number">${tasksText(row)}</td>
      <td class="interval">${withQuietEnds(gapText(row, notes))}</td>
      ${reference !== undefined && fragment`<td class="interval">${withQuietEnds(differenceOf(row))}</td>`}
      <td class="number">${row.cells}</td>
    </tr>`;
  });
  return fragment`<h3>Over all tasks and pairs</h3>
    <div class="scroll">
      <table class="methods">
        <thead>
          <tr>
            <th>method</th>
            <th>median PGR</th>
            <th class="number">tasks</th>
            <th>PGR over all cells</th>
            ${reference !== undefined && fragment`<th>less ${reference}</th>`}
            <th class="number">cells</th>
          </tr>
        </thead>
        <tbody>
          ${body}
        </tbody>
      </table>
    </div>
    <p class="quiet">
      Median: over tasks and pairs, of the PGR over each one’s cells, as papers report it; tasks without a gap are left
      out and counted; interval by a bootstrap over tasks and their cells, from three tasks on. The other intervals count
      that cells share tasks, pairs and seeds (variance components by Henderson’s method 1, Satterthwaite’s degrees of
      freedom): they speak of tasks and seeds like
      these.${fewTasksNote(results) !== undefined && ` ${fewTasksNote(results)}.`}${[...notes].map((note) => fragment` Without bounds or absent: ${note}.`)}
    </p>`;
}
