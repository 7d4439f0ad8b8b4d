import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { packageRoot } from '../base/folders.js';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'temper-tally-'));
});

afterEach(() => rm(folder, { recursive: true }));

/** Runs vitest on test files of one line each; the last line it prints, and its exit code. */
async function run(
  ...files: string[]
): Promise<{ last: string | undefined; code: number | string | undefined }> {
  for (const [i, content] of files.entries()) await writeFile(join(folder, `${i}.test.js`), content);
  const vitest = join(packageRoot(), 'node_modules/vitest/vitest.mjs');
  const reporter = join(packageRoot(), 'test/tally.ts');
  const args = [
    vitest,
    'run',
    '--root',
    folder,
    '--globals',
    '--reporter',
    'default',
    '--reporter',
    reporter,
  ];
  return new Promise((settle) => {
    execFile(process.execPath, args, { cwd: packageRoot() }, (error, stdout) =>
      settle({ last: stdout.trimEnd().split('\n').at(-1), code: error?.code ?? 0 }),
    );
  });
}

describe('the last line of a test run', () => {
  it('counts what passed', async () => {
    expect(await run("it('a', () => {}); it('b', () => {});")).toEqual({
      last: '2 passed, 0 failed',
      code: 0,
    });
  });

  it('counts what failed and what was skipped', async () => {
    const tests = "it('a', () => {}); it('b', () => { throw new Error(); }); it.skip('c', () => {});";
    expect(await run(tests)).toEqual({ last: '1 passed, 1 failed, 1 skipped', code: 1 });
  });

  it('counts a file that cannot be loaded as failed', async () => {
    const files = ["it('a', () => {});", "throw new Error('at load');", 'not JavaScript'];
    expect(await run(...files)).toEqual({ last: '1 passed, 2 failed', code: 1 });
  });

  it('counts a suite whose hook fails', async () => {
    const suite =
      "describe('s', () => { afterAll(() => { throw new Error('hook'); }); it('a', () => {}); });";
    expect(await run(suite)).toEqual({ last: '1 passed, 1 failed', code: 1 });
  });

  it('counts a rejection that nobody handled', async () => {
    const test =
      "it('a', async () => { void Promise.reject(new Error('lost')); await new Promise((r) => setTimeout(r, 50)); });";
    expect(await run(test)).toEqual({ last: '1 passed, 1 failed', code: 1 });
  });
});
