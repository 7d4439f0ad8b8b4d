import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { ESLint } from 'eslint';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../base/folders.js';

const root = packageRoot();
const require = createRequire(import.meta.url);
const run = promisify(execFile);

/** Runs a tool of node_modules and returns what it printed, whether or not it was content. */
async function outputOf(packageName: string, binary: string, args: string[]): Promise<string> {
  const script = join(dirname(require.resolve(`${packageName}/package.json`)), binary);
  const result = await run(process.execPath, [script, ...args], { cwd: root, maxBuffer: 1e8 }).catch(
    (error: { stdout?: string; stderr?: string }) => error,
  );
  return `${result.stdout}${result.stderr}`.trim();
}

/** One line a finding: file, line, rule, message. */
async function lint(eslint: ESLint, results: Promise<ESLint.LintResult[]>): Promise<string[]> {
  const formatter = await eslint.loadFormatter('stylish');
  const text = await formatter.format(await results);
  return text.split('\n').filter((line) => line.trim() !== '');
}

describe('the house rules that a machine can check', () => {
  it('types', async () => {
    const incremental = ['--incremental', '--tsBuildInfoFile', 'dist/.types.tsbuildinfo'];
    expect(await outputOf('typescript', 'bin/tsc', ['--noEmit', ...incremental])).toBe('');
  });

  it('lint', async () => {
    const eslint = new ESLint({
      cwd: root,
      overrideConfig: { linterOptions: { reportUnusedDisableDirectives: 'error' } },
    });
    expect(await lint(eslint, eslint.lintFiles(['.']))).toEqual([]);
  });

  it('format', async () => {
    expect(await outputOf('prettier', 'bin/prettier.cjs', ['--check', '--log-level', 'warn', '.'])).toBe('');
  });
});

describe('lint in workflow code', () => {
  const eslint = new ESLint({ cwd: root });
  const asWorkflow = (code: string) =>
    lint(eslint, eslint.lintText(code, { filePath: join(root, 'workflows/sweep.ts') }));

  it.each([
    ["import { readFileSync } from 'node:fs';\nreadFileSync('x');", 'no-restricted-imports'],
    ["import { Client } from '@temporalio/client';\nnew Client();", 'no-restricted-imports'],
    ["import { Store } from '../store/store.js';\nnew Store('x');", 'no-restricted-imports'],
    ["fetch('http://localhost');", 'no-restricted-globals'],
  ])('refuses %s', async (code, rule) => {
    expect((await asWorkflow(code)).join('\n')).toContain(rule);
  });

  it('allows types of other rooms', async () => {
    const code =
      "import type { Stage } from '../plan/stage.js';\nexport const key = (stage: Stage) => stage.key;\n";
    expect(await asWorkflow(code)).toEqual([]);
  });
});
