/** @file The registry of tasks: adding one is its file and one entry here. */
import { closest, distance } from 'fastest-levenshtein';
import { UserError } from '../base/errors.js';
import { classification } from './classification.js';
import { dialects } from './dialects.js';
import type { TaskDefinition } from './task.js';

export const tasks: Readonly<Record<string, TaskDefinition>> = { dialects, classification };

/** Throws a UserError that lists the tasks there are. */
export function taskNamed(name: string): TaskDefinition {
  const task = Object.hasOwn(tasks, name) ? tasks[name] : undefined;
  if (task !== undefined) return task;
  const names = Object.keys(tasks);
  const near = closest(name, names);
  const hint = distance(name, near) <= 1 + name.length / 3 ? ` Did you mean "${near}"?` : '';
  throw new UserError(`there is no task "${name}"; the tasks are ${names.join(', ')}.${hint}`);
}
