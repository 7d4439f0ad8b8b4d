/** @file The report as an artifact: HTML, JSON, CSV and Parquet of what a sweep found. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hashOf } from '../base/json.js';
import { formatGap, formatScore } from '../metrics/format.js';
import { exportCsv, exportJson } from '../report/export.js';
import { renderReport } from '../report/html.js';
import type { Results } from '../report/results.js';
import type { Store } from '../store/store.js';
import { publishOnce } from './publish.js';

/** Publishes what was found; the same findings are the same artifact, whenever and wherever they were computed. */
export async function publishReport(
  store: Store,
  results: Results,
  worker: string,
): Promise<{ markdown: string; report: string }> {
  const { timings: _, ...findings } = results;
  const ref = { kind: 'report', key: hashOf(findings) };
  await publishOnce(store, ref, worker, { title: `report on ${results.sweep}` }, async (folder) => {
    await writeFile(join(folder, 'index.html'), await renderReport(results));
    await writeFile(join(folder, 'results.json'), exportJson(results));
    await writeFile(join(folder, 'trials.csv'), exportCsv(results));
  });
  return { markdown: markdownTable(results), report: ref.key };
}

/** The table as markdown, for the sweep's page in the Temporal UI, whose column is narrow: a table per task and pair. */
function markdownTable(results: Results): string {
  const tables = new Map<string, string[]>();
  for (const { task, weak, strong, method, score, pgr, cells, failed } of results.summaries) {
    const heading = `**${task}, ${weak} → ${strong}**`;
    const shown = score === null ? '–' : formatScore(score);
    const counted = failed > 0 ? `${cells} (${failed} failed)` : `${cells}`;
    const row = `| ${method} | ${shown} | ${pgr === null ? '' : formatGap(pgr)} | ${counted} |`;
    tables.set(heading, [...(tables.get(heading) ?? []), row]);
  }
  return [...tables]
    .map(([heading, rows]) =>
      [heading, '', '| method | score | PGR | cells |', '|---|---|---|---|', ...rows].join('\n'),
    )
    .join('\n\n');
}
