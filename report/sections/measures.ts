/** @file Whatever else was measured: other metrics, and how students' answers compare with their supervisor's. */
import { formatNumber, formatScore, scoreDigits } from '../../metrics/format.js';
import { measures } from '../../metrics/measures.js';
import { similarities } from '../../metrics/similarity.js';
import { fragment, type Markup } from '../markup.js';
import type { MeanInterval, MethodSummary, Results } from '../results.js';
import { groupsOf, type Group } from '../rows.js';
import { methodName } from './summary.js';

type Column = 'measures' | 'besideWeak';

export function measuresSection(results: Results): Markup {
  const groups = groupsOf(results);
  const tables = groups.flatMap((group) => {
    const own = [
      tableOf(group, 'measures', 'What else was measured on the test split'),
      tableOf(group, 'besideWeak', 'Beside the weak supervisor'),
    ].filter((table) => table !== undefined);
    return own.length > 0 && groups.length > 1 ? [fragment`<h3>${group.title}</h3>`, ...own] : own;
  });
  const used = (column: Column): Set<string> =>
    new Set(results.summaries.flatMap((row) => Object.keys(row[column])));
  const [measured, compared] = [used('measures'), used('besideWeak')];
  const lines = [
    ...measures.filter(({ name }) => measured.has(name)).map(({ name, summary }) => [name, summary] as const),
    ...Object.entries(similarities).filter(([name]) => compared.has(name)),
  ];
  return fragment`<section id="measures">
    <h2>Measures</h2>
    ${tables.length > 0 ? tables : fragment`<p class="quiet">Nothing else has been measured yet.</p>`}
    ${
      lines.length > 0 &&
      fragment`<p class="quiet">
      Means over cells; point at a number for its interval.
      ${lines.map(([name, summary]) => fragment`<b>${name}</b>: ${summary}. `)}
    </p>`
    }
  </section>`;
}

function tableOf(group: Group, column: Column, title: string): Markup | undefined {
  const names = [...new Set(group.rows.flatMap((row) => Object.keys(row[column])))];
  const rows = group.rows.filter((row) => Object.keys(row[column]).length > 0);
  if (names.length === 0) return undefined;
  return fragment`<div class="scroll">
    <table class="measures">
      <caption>
        ${title}
      </caption>
      <thead>
        <tr>
          <th>method</th>
          ${names.map((name) => fragment`<th class="number">${name}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map((row, index) => rowOf(row, names, column, index > 0 && rows[index - 1]?.role !== row.role))}
      </tbody>
    </table>
  </div>`;
}

function rowOf(row: MethodSummary, names: readonly string[], column: Column, isFirst: boolean): Markup {
  const cell = (found: MeanInterval | undefined): Markup =>
    found === undefined
      ? fragment`<td class="number quiet">–</td>`
      : fragment`<td class="number" title="${formatScore(found)}">${formatNumber(found.mean, scoreDigits(found.mean))}</td>`;
  return fragment`<tr class="${isFirst ? 'first' : ''}">
    <td>${methodName(row)}</td>
    ${names.map((name) => cell(row[column][name]))}
  </tr>`;
}
