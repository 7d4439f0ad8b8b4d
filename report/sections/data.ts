/** @file What the data of each task looked like: counts, split sizes, what was set aside. */
import { fragment, type Markup } from '../markup.js';
import type { DataReport, Results } from '../results.js';

/** Tasks and seeds whose data came out the same, as one row. */
interface Row {
  task: string;
  seeds: number[];
  counts: Record<string, number>;
  notes: string[];
}

function rowsOf(reports: readonly DataReport[]): Row[] {
  const rows = new Map<string, Row>();
  for (const { task, seed, counts, notes } of reports) {
    const identity = JSON.stringify([task, counts, notes]);
    const row = rows.get(identity) ?? { task, seeds: [], counts, notes };
    row.seeds.push(seed);
    rows.set(identity, row);
  }
  return [...rows.values()];
}

export function dataSection({ data }: Pick<Results, 'data'>): Markup {
  const rows = rowsOf(data);
  const shapes = new Map<string, Row[]>();
  for (const row of rows) {
    const shape = Object.keys(row.counts).join('\n');
    shapes.set(shape, [...(shapes.get(shape) ?? []), row]);
  }
  const tables = [...shapes.values()].map(tableOf);
  return fragment`<section id="data">
    <h2>Data</h2>
    ${tables.length > 0 ? tables : fragment`<p class="quiet">No data has been read yet.</p>`}
  </section>`;
}

/** Few counts stand across, many stand down. */
function tableOf(rows: Row[]): Markup {
  const names = Object.keys(rows[0]?.counts ?? {});
  const number = (value: number | undefined): string =>
    value === undefined ? '' : value.toLocaleString('en-US');
  const seedsOf = (row: Row): string =>
    `${row.seeds.length === 1 ? 'seed' : 'seeds'} ${row.seeds.join(', ')}`;
  const title = (row: Row): Markup => fragment`${row.task} <span class="values">${seedsOf(row)}</span>`;
  const notes = rows
    .filter((row) => row.notes.length > 0)
    .map((row) => fragment`<li>${title(row)}: ${row.notes.join(' ')}</li>`);
  const notesList =
    notes.length > 0 &&
    fragment`<ul class="quiet">
      ${notes}
    </ul>`;
  if (rows.length > 3)
    return fragment`<div class="scroll">
        <table>
          <thead>
            <tr>
              <th>task</th>
              ${names.map((name) => fragment`<th class="number">${name}</th>`)}
            </tr>
          </thead>
          <tbody>
            ${rows.map(
              (row) =>
                fragment`<tr>
                  <td>${title(row)}</td>
                  ${names.map((name) => fragment`<td class="number">${number(row.counts[name])}</td>`)}
                </tr>`,
            )}
          </tbody>
        </table>
      </div>
      ${notesList}`;
  return fragment`<div class="scroll">
      <table style="width:auto">
        <thead>
          <tr>
            <th></th>
            ${rows.map((row) => fragment`<th class="number">${title(row)}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${names.map(
            (name) =>
              fragment`<tr>
                <td>${name}</td>
                ${rows.map((row) => fragment`<td class="number">${number(row.counts[name])}</td>`)}
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
    ${notesList}`;
}
