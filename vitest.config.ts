import { defineConfig } from 'vitest/config';

/** Rooms whose tests start processes: they need dist/ and the Temporal CLI, and run after all the others. */
const system = ['test/**/*.test.ts', 'worker/**/*.test.ts', 'cli/**/*.test.ts', 'activities/**/*.test.ts'];
const nowhere = ['**/node_modules/**', 'dist/**', '.temper/**'];

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    // As setup/ready.mjs does.
    env: { ORT_DISABLE_TELEMETRY: '1' },
    reporters: ['default', './test/tally.ts'],
    projects: [
      {
        extends: true,
        test: {
          name: 'rooms',
          include: ['**/*.test.ts'],
          exclude: [...nowhere, ...system],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'system',
          include: system,
          exclude: nowhere,
          globalSetup: ['test/ready.ts'],
          // Each starts servers, and looks for free ports where the others would.
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 300_000,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
