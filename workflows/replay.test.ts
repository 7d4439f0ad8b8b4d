/** @file Histories of every released version replay with today's workflows, and a change of order does not pass. */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import {
  bundleWorkflowCode,
  DefaultLogger,
  makeTelemetryFilterString,
  Runtime,
  Worker,
  type WorkflowBundleWithSourceMap,
} from '@temporalio/worker';
import { beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from '../base/folders.js';

const folder = join(packageRoot(), 'workflows');
const recorded = readdirSync(join(folder, 'histories')).flatMap((version) =>
  readdirSync(join(folder, 'histories', version)).map((file) => `${version}/${file}`),
);

beforeAll(() => {
  // The violations that are wanted here are not for the log.
  const filter = makeTelemetryFilterString({ core: 'ERROR', other: 'ERROR' });
  Runtime.install({ logger: new DefaultLogger('ERROR'), telemetryOptions: { logging: { filter } } });
});

function bundle(workflows: string): Promise<WorkflowBundleWithSourceMap> {
  return bundleWorkflowCode({
    workflowsPath: join(workflows, 'index.ts'),
    logger: new DefaultLogger('WARN'),
  });
}

/** Names of the errors that replaying a history raises. */
async function replay(workflowBundle: WorkflowBundleWithSourceMap, file: string): Promise<string[]> {
  const json: unknown = JSON.parse(readFileSync(join(folder, 'histories', file), 'utf8'));
  const history = historyFromJSON(json);
  const found: string[] = [];
  const replayed = Worker.runReplayHistories({ workflowBundle }, [{ workflowId: file, history }]);
  for await (const { error } of replayed) if (error !== undefined) found.push(error.name);
  return found;
}

describe('recorded histories', () => {
  it('are of all three workflows: done, with a failed stage, cancelled, and continued as new', () => {
    const names = recorded.filter((file) => file.startsWith('v1/')).map((file) => file.slice(3, -5));
    for (const workflow of ['sweep', 'batch', 'trial'])
      expect(names).toContain(`history-${workflow}-completed`);
    expect(names).toContain('broken-batch-completed');
    expect(names).toContain('endless-sweep-cancelled');
    expect(names).toContain('endless-batch-cancelled');
    expect(names).toContain('continued-batch-continued-as-new');
  });

  describe('replay with the workflows as they are', () => {
    let current: WorkflowBundleWithSourceMap;
    beforeAll(async () => {
      current = await bundle(folder);
    });
    it.each(recorded)('%s', async (file) => {
      expect(await replay(current, file)).toEqual([]);
    });
  });
});

describe('a change of the order in which a workflow asks for things', () => {
  /** The workflows with one passage of one file replaced by another. */
  async function changed(
    file: string,
    change: (source: string) => string,
  ): Promise<WorkflowBundleWithSourceMap> {
    const copy = mkdtempSync(join(tmpdir(), 'temper-replay-'));
    try {
      cpSync(folder, join(copy, 'workflows'), { recursive: true });
      symlinkSync(join(packageRoot(), 'node_modules'), join(copy, 'node_modules'));
      const path = join(copy, 'workflows', file);
      const before = readFileSync(path, 'utf8');
      const after = change(before);
      expect(after).not.toBe(before);
      writeFileSync(path, after);
      return await bundle(join(copy, 'workflows'));
    } finally {
      rmSync(copy, { recursive: true });
    }
  }

  /** Moves a line to the place before another. */
  const moved = (line: string, before: string) => (source: string) =>
    source.replace(`${line}\n`, '').replace(before, `${line}\n${before}`);

  it.each([
    [
      'sweep',
      'the report before the stages',
      moved(
        '  const { markdown: table } = await io.report({ plan, sweep: input.sweep });',
        '  stages.start(planned.stages);',
      ),
    ],
    [
      'batch',
      'the trials before the stages that they share',
      moved('  stages.start(plan.stages);', '  const scored = '),
    ],
    [
      'trial',
      'its stages, the last one first',
      (source: string) => source.replace('start(input.stages)', 'start([...input.stages].reverse())'),
    ],
  ])('in %s (%s) is a violation of determinism', async (workflow, _, change) => {
    const other = await changed(`${workflow}.ts`, change);
    expect(await replay(other, `v1/history-${workflow}-completed.json`)).toEqual([
      'DeterminismViolationError',
    ]);
  });
});
