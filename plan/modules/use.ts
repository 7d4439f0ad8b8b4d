/** @file Making a user's methods and tasks known to this process, under names that end in their digest. */
import { createRequire } from 'node:module';
import { compileFunction } from 'node:vm';
import { messageOf, UserError } from '../../base/errors.js';
import type { TaskDefinition } from '../../datasets/task.js';
import { registerTask } from '../../datasets/tasks.js';
import * as temper from '../../methods/definition/api.js';
import type { Control, Method } from '../../methods/definition/method.js';
import { registerEntry } from '../../methods/definition/registry.js';
import { packageName, type Bundle } from './bundle.js';

export type Brought = Method | Control | TaskDefinition;

const used = new Map<string, Brought>();

/** The name under which stages and registries know what a module brings. */
export function broughtName(name: string, digest: string): string {
  return `${name}@${digest}`;
}

/**
 * Runs a module once a process and registers what it exports as default.
 * @param path what the user calls it: for messages and stack traces
 * @throws UserError where it fails, or exports something else
 */
export function useModule({ digest, code }: Bundle, path: string): Brought {
  const known = used.get(digest);
  if (known !== undefined) return known;
  const brought = checked(exportsOf(code, path), path);
  if ('role' in brought) registerEntry(brought, (name) => broughtName(name, digest));
  else registerTask(broughtName(brought.name, digest), brought);
  used.set(digest, brought);
  return brought;
}

function exportsOf(code: string, path: string): unknown {
  const module = { exports: {} as { default?: unknown } };
  const nodeRequire = createRequire(import.meta.url);
  const require = (name: string): unknown => (name === packageName ? temper : nodeRequire(name));
  try {
    const run = compileFunction(code, ['require', 'module', 'exports'], { filename: path }) as (
      ...globals: unknown[]
    ) => void;
    run(require, module, module.exports);
  } catch (error) {
    throw new UserError(`${path} failed while it was loaded: ${messageOf(error)}`, { cause: error });
  }
  return module.exports.default;
}

function checked(exported: unknown, path: string): Brought {
  const given = exported as Partial<Method> & Partial<TaskDefinition>;
  const isMethod = given?.role !== undefined && typeof given.evaluation === 'function';
  const isTask = typeof given?.examples === 'function' && typeof given.corpus === 'function';
  if (typeof given?.name === 'string' && given.parameters !== undefined && (isMethod || isTask))
    return exported as Brought;
  throw new UserError(
    `${path} exports no method and no task: expected "export default defineMethod({ … })", defineControl or defineTask, from ${packageName}.`,
  );
}
