/**
 * @file Makes the pictures in docs/images from a finished quickstart: node docs/screenshots.mjs UI REPORT
 * (UI: address of the Temporal UI; REPORT: path of index.html). Needs Chromium (CHROMIUM_PATH or /usr/bin/chromium).
 */
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';

const [ui, report] = process.argv.slice(2);
if (ui === undefined || report === undefined) throw new Error('usage: node docs/screenshots.mjs UI REPORT');
const images = new URL('./images/', import.meta.url).pathname;
const columns = [
  'Status',
  'TemperMethod',
  'TemperTask',
  'TemperSeed',
  'TemperAccuracy',
  'TemperStatus',
  'Workflow ID',
];
const workflows = `${ui}/namespaces/default/workflows`;
const trial = 'sweep/quickstart/dialects[dialect=0] weak→strong naive labels=hard seed 0';

const browser = await chromium.launch({
  executablePath: process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium',
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-sync',
  ],
});
const page = await browser.newPage({ viewport: { width: 1500, height: 900 } });
await page.addInitScript((labels) => {
  const value = JSON.stringify({ default: labels.map((label) => ({ label })) });
  localStorage.setItem('namespace-workflow-table-columns', value);
}, columns);

async function shoot(name, address, prepare) {
  await page.goto(address);
  // The UI loads its data after the page: there is no event that says when it is all there.
  await page.waitForTimeout(5_000);
  await prepare?.();
  await page.screenshot({ path: `${images}${name}.png` });
}

const query = encodeURIComponent('WorkflowType="trial" AND TemperSweep="quickstart"');
await shoot('ui-list', `${workflows}?query=${query}`);
await shoot('ui-trial', `${workflows}/${encodeURIComponent(trial)}`, async () => {
  await page.mouse.wheel(0, 330);
  await page.waitForTimeout(1_000);
});
await shoot('ui-sweep', `${workflows}/${encodeURIComponent('sweep/quickstart')}`, async () => {
  await page.getByText('User Metadata').first().click();
  await page.waitForTimeout(3_000);
});
const address = pathToFileURL(report).href;
await shoot('report', address);
await shoot('report-training', `${address}#training`);
await browser.close();
