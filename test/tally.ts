/** @file The last line of a test run: `N passed, N failed`, also where a file could not even be loaded. */
import type { Reporter, SerializedError, TestModule } from 'vitest/node';

export interface Tally {
  passed: number;
  failed: number;
  skipped: number;
}

/** Each test counts once, and so does each file that failed to load and each error outside of any test. */
export function tallyOf(modules: readonly TestModule[], errors: readonly SerializedError[]): Tally {
  const tally: Tally = { passed: 0, failed: errors.length, skipped: 0 };
  for (const module of modules) {
    const before = tally.failed;
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      if (state === 'passed') tally.passed++;
      else if (state === 'failed') tally.failed++;
      else tally.skipped++;
    }
    if (tally.failed === before && module.state() === 'failed') tally.failed++;
  }
  return tally;
}

export function tallyLine({ passed, failed, skipped }: Tally): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

/** Prints the line, or, where `npm test` runs vitest, leaves it to that, so that nothing can come after. */
export default class TallyReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly SerializedError[]): void {
    const tally = tallyOf(modules, errors);
    if (process.send) process.send(tally);
    else process.stdout.write(`${tallyLine(tally)}\n`);
  }
}
