/** @file Users' own methods and tasks in a sweep: wherever a name is the path of a module. */
import { resolve } from 'node:path';
import { asMap } from './check.js';
import type { Span } from './source.js';
import type { Located, LocatedMap } from './yaml.js';

/** A module that a sweep names, and where it names it. */
export interface ModuleUse {
  /** As it stands in the sweep: "./my-method.ts". */
  written: string;
  absolute: string;
  span: Span;
  path: string;
}

/** Whether a name is a path: "./my-method.ts", "../tasks/mine.mjs", "/home/me/method.js". */
export function isModulePath(name: unknown): name is string {
  return typeof name === 'string' && /^\.{0,2}\/.*\.(ts|mts|js|mjs)$/.test(name);
}

/** The modules that a sweep's methods, controls and tasks name. */
export function modulesIn(root: LocatedMap): ModuleUse[] {
  const uses: ModuleUse[] = [];
  const note = (name: string, span: Span, path: string): void => {
    if (isModulePath(name))
      uses.push({ written: name, absolute: resolve(span.source.folder, name), span, path });
  };
  for (const section of ['methods', 'controls']) {
    const list = root.entries.get(section)?.value;
    const items: readonly Located[] = list?.kind === 'list' ? list.items : list === undefined ? [] : [list];
    items.forEach((item, index) => {
      const path = `${section}[${index}]`;
      if (item.kind === 'scalar') note(String(item.value), item.span, path);
      if (item.kind === 'map') for (const [name, { key }] of item.entries) note(name, key, path);
    });
  }
  const tasks = root.entries.get('tasks');
  for (const [task, { value }] of (tasks === undefined ? undefined : asMap(tasks.value))?.entries ?? [])
    for (const key of ['generator', 'type']) {
      const name = asMap(value)?.entries.get(key)?.value;
      if (name?.kind === 'scalar') note(String(name.value), name.span, `tasks.${task}.${key}`);
    }
  return uses;
}
