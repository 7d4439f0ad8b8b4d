/** @file The report: one HTML file that opens from disk, without network, and prints. */
import { fragment, trusted } from './markup.js';
import type { Results } from './results.js';
import { script } from './script.js';
import { comparisonsSection } from './sections/comparisons.js';
import { dataSection } from './sections/data.js';
import { decaySection } from './sections/decays.js';
import { methodFigures, trainingFigures, workFigures } from './sections/figures.js';
import { lineageSection } from './sections/lineage.js';
import { measuresSection } from './sections/measures.js';
import { parametersSection } from './sections/parameters.js';
import { heading, resultsSection } from './sections/summary.js';
import { styleSheet } from './style.js';

const contents = [
  ['results', 'Results'],
  ['comparisons', 'Comparisons'],
  ['methods', 'Methods'],
  ['parameters', 'Parameters'],
  ['measures', 'Measures'],
  ['training', 'Training'],
  ['work', 'Work'],
  ['lineage', 'Lineage'],
  ['data', 'Data'],
] as const;

/** Everything a sweep found, as a page. The same results give the same bytes. */
export async function renderReport(results: Results): Promise<string> {
  const parameters = await parametersSection(results);
  const shown = contents.filter(([id]) => id !== 'parameters' || parameters !== undefined);
  const sections = [
    resultsSection(results),
    await comparisonsSection(results),
    await methodFigures(results),
    await decaySection(results),
    ...(parameters === undefined ? [] : [parameters]),
    measuresSection(results),
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
<nav aria-label="Contents"><ul>${shown.map(([id, title]) => fragment`<li><a href="#${id}">${title}</a></li>`)}</ul></nav>
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
