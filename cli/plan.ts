/** @file `temper plan FILE`: what would run, without a server. */
import type { Command } from 'commander';
import Table from 'cli-table3';
import { stageKinds } from '../plan/stage.js';
import { UserError } from '../base/errors.js';
import { collect, contextOf } from './context.js';
import { counted, print, printJson } from './output.js';
import { planFile } from './sweep-plan.js';

export function registerPlan(program: Command): void {
  program
    .command('plan')
    .argument('<file>', 'a sweep file')
    .description('show what a sweep would run, and what of it the store has')
    .option('--set <path=value>', 'override a value of the file; may be given again', collect, [])
    .option('--json', 'print the whole plan as JSON')
    .action(async (file: string, options: { set: string[]; json?: boolean }, command: Command) => {
      const context = contextOf(command);
      const { plan } = await planFile(file, options.set, context);
      const published = await publishedKeys(context, plan.stages);
      if (options.json === true) return printJson({ ...plan, published: [...published] });
      const trials = plan.cells.flatMap((cell) => cell.trials);
      const inputs = plan.stages.reduce(
        (total, stage) => total + Object.values(stage.inputs).flat().length,
        0,
      );
      print(`${plan.name} on ${plan.device} · plan ${plan.digest.slice(0, 12)}`);
      print(
        `${counted(trials.length, 'trial')} in ${counted(plan.cells.length, 'cell')} and ` +
          `${counted(plan.tree.batches.length, 'batch').replace('batchs', 'batches')}; ` +
          `graph of ${counted(plan.stages.length, 'stage')} and ${counted(inputs, 'edge')}, ${published.size} stages cached`,
      );
      print(byMethod(trials));
      print(byKind(plan.stages, published));
    });
}

async function publishedKeys(
  context: ReturnType<typeof contextOf>,
  stages: readonly { kind: string; key: string }[],
): Promise<Set<string>> {
  try {
    const store = await context.openStore();
    const { published } = await store.probe(stages.map(({ kind, key }) => ({ kind, key })));
    return new Set(published.map(({ key }) => key));
  } catch (error) {
    // No store yet: nothing is cached.
    if (error instanceof UserError) return new Set();
    throw error;
  }
}

function byMethod(
  trials: readonly { task: string; weak: string; strong: string; method: string; role: string }[],
): string {
  const rows = new Map<string, { row: string[]; count: number }>();
  for (const { task, weak, strong, method, role } of trials) {
    const row = [task, `${weak} → ${strong}`, method, role];
    const known = rows.get(row.join('\n'));
    if (known === undefined) rows.set(row.join('\n'), { row, count: 1 });
    else known.count++;
  }
  const table = new Table({
    head: ['task', 'pair', 'method', 'role', 'trials'],
    style: { head: [], border: [] },
  });
  for (const { row, count } of rows.values()) table.push([...row, { content: count, hAlign: 'right' }]);
  return table.toString();
}

function byKind(stages: readonly { kind: string; key: string }[], published: ReadonlySet<string>): string {
  const table = new Table({
    head: ['stage', 'in the plan', 'cached', 'to compute'],
    style: { head: [], border: [] },
    colAligns: ['left', 'right', 'right', 'right'],
  });
  for (const kind of stageKinds) {
    const all = stages.filter((stage) => stage.kind === kind);
    if (all.length === 0) continue;
    const cached = all.filter((stage) => published.has(stage.key)).length;
    table.push([kind, all.length, cached, all.length - cached]);
  }
  return table.toString();
}
