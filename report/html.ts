/** @file The report: one HTML file that opens from disk, without network, and prints. */
import { fragment, trusted } from './markup.js';
import type { Results } from './results.js';
import { script } from './script.js';
import { dataSection } from './sections/data.js';
import { methodFigures, trainingFigures, workFigures } from './sections/figures.js';
import { lineageSection } from './sections/lineage.js';
import { heading, resultsSection } from './sections/summary.js';
import { styleSheet } from './style.js';

const contents = [
  ['results', 'Results'],
  ['methods', 'Methods'],
  ['training', 'Training'],
  ['work', 'Work'],
  ['lineage', 'Lineage'],
  ['data', 'Data'],
] as const;

/** Everything a sweep found, as a page. The same results give the same bytes. */
export async function renderReport(results: Results): Promise<string> {
  const sections = [
    resultsSection(results),
    await methodFigures(results),
    await trainingFigures(results),
    await workFigures(results),
    lineageSection(results),
    dataSection(results),
  ];
  const page = fragment`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>${results.sweep} · Temper</title>
<style>${trusted(styleSheet)}</style>
</head>
<body>
${heading(results)}
<nav aria-label="Contents"><ul>${contents.map(([id, title]) => fragment`<li><a href="#${id}">${title}</a></li>`)}</ul></nav>
<main>
${sections}
</main>
<footer>Made by Temper from plan <span class="key">${results.plan}</span>.</footer>
<script>${trusted(script)}</script>
</body>
</html>
`;
  return page.markup;
}
