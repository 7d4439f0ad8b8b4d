/** @file `temper tasks`: the tasks that a sweep can name, and all about each. */
import type { Command } from 'commander';
import type { TaskDefinition } from '../datasets/task.js';
import { taskNamed, tasks } from '../datasets/tasks.js';
import { parameterRows } from '../spec/parameter-rows.js';
import { columns } from './format.js';
import { print, printJson } from './output.js';
import { hanging, plain } from './paragraphs.js';
import { parameterText } from './parameter-table.js';

export function registerTasks(program: Command): void {
  program
    .command('tasks')
    .argument('[name]', 'a task')
    .description('list the tasks that a sweep can name, or say all about one')
    .option('--json', 'print as JSON')
    .action((name: string | undefined, { json = false }: { json?: boolean }) => {
      if (name !== undefined) {
        const described = describeTask(taskNamed(name));
        return json ? printJson(described) : print(text(described));
      }
      const all = Object.values(tasks).map(describeTask);
      if (json) return printJson(all);
      print(list(all));
    });
}

function describeTask(task: TaskDefinition) {
  return {
    name: task.name,
    /** How a sweep names it: `generator: dialects`, `type: classification`. */
    key: task.files.length === 0 ? ('generator' as const) : ('type' as const),
    summary: task.summary,
    answer: task.answer,
    metric: task.metric ?? { name: 'accuracy', higherIsBetter: true },
    files: task.files,
    oracle: task.oracle !== undefined,
    paraphrases: task.paraphrases !== undefined,
    parameters: parameterRows(task.parameters),
  };
}

type TaskDescription = ReturnType<typeof describeTask>;

function list(all: readonly TaskDescription[]): string {
  const rows = all.map(({ key, name, answer, metric, summary }) => [
    `${key}: ${name}`,
    answer,
    metric.name,
    plain(summary),
  ]);
  const table = columns(rows, { head: ['in a sweep', 'answered by', 'measured by', ''] });
  return `${table}\n\n\`temper tasks NAME\` says all about one; \`temper methods --answer KIND\`, which methods work on it.`;
}

function text(task: TaskDescription): string {
  const { name, key, summary, answer, metric, files, oracle, paraphrases, parameters } = task;
  const better = metric.higherIsBetter ? 'more is better' : 'less is better';
  const abilities = [
    ...(oracle ? ['knows the best answers (control oracle)'] : []),
    ...(paraphrases ? ['can put its items in other words'] : []),
  ];
  const facts = [
    hanging('In a sweep   ', `${key}: ${name}`),
    hanging('Answered by  ', answer),
    hanging('Measured by  ', `${metric.name}, ${better}`),
    ...(files.length === 0 ? [] : [hanging('Reads        ', `the files that ${files.join(', ')} name`)]),
    ...(abilities.length === 0 ? [] : [hanging('Also         ', abilities.join('; '))]),
  ];
  return [
    name,
    hanging('', summary),
    facts.join('\n'),
    `Parameters\n${parameterText(parameters)}`,
    `\`temper methods --answer ${answer}\` lists the methods that work on it.`,
  ].join('\n\n');
}
