/** @file The report: one HTML file that opens from disk, without network, and prints. */
import type { Results } from './results.js';
export async function renderReport(results: Results): Promise<string> {
  return Promise.resolve(`<!doctype html><title>${results.sweep}</title>`);
}
