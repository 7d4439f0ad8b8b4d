/** @file The registry of tasks: whatever the files of tasks/ define, and what users bring along. */
import { readdir } from 'node:fs/promises';
import { closest, distance } from 'fastest-levenshtein';
import { UserError } from '../base/errors.js';
import type { TaskDefinition } from './task.js';

/** A file of tasks/ exports as default what it defines: a task, or several. */
async function definitions(): Promise<TaskDefinition[]> {
  const room = new URL('./tasks/', import.meta.url);
  const files = (await readdir(room)).filter((name) => /^[a-z0-9-]+\.(ts|js)$/.test(name)).sort();
  const modules = await Promise.all(
    files.map(
      (name) => import(new URL(name, room).href) as Promise<{ default: TaskDefinition | TaskDefinition[] }>,
    ),
  );
  return modules.flatMap((module) => module.default);
}

function byName(all: readonly TaskDefinition[]): Record<string, TaskDefinition> {
  const named: Record<string, TaskDefinition> = {};
  for (const task of all) {
    if (Object.hasOwn(named, task.name)) throw new RangeError(`two files define the task "${task.name}"`);
    named[task.name] = task;
  }
  return named;
}

/** Those that come with Temper. */
export const tasks: Readonly<Record<string, TaskDefinition>> = byName(await definitions());

const brought = new Map<string, TaskDefinition>();

/** Makes a user's task known to this process under the name that its stages have in their keys. */
export function registerTask(name: string, task: TaskDefinition): void {
  brought.set(name, task);
}

/** Throws a UserError that lists the tasks there are. */
export function taskNamed(name: string): TaskDefinition {
  const task = brought.get(name) ?? (Object.hasOwn(tasks, name) ? tasks[name] : undefined);
  if (task !== undefined) return task;
  const names = Object.keys(tasks);
  const near = closest(name, names);
  const hint = distance(name, near) <= 1 + name.length / 3 ? ` Did you mean "${near}"?` : '';
  throw new UserError(`there is no task "${name}"; the tasks are ${names.join(', ')}.${hint}`);
}
