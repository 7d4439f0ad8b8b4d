/** @file The `tasks:` of a sweep. */
import { resolve } from 'node:path';
import type { JsonObject } from '../base/json.js';
import { taskRegistry, taskSchema, type TaskKey } from './definitions.js';
import { entriesByName, readDefinition } from './entries.js';
import { expandEntry } from './expand.js';
import { labelOf } from './labels.js';
import type { Reporter } from './mistakes.js';
import type { Span } from './source.js';
import type { Vocabulary } from './vocabulary.js';
import type { Located } from './yaml.js';

/** A task with one choice of its parameters. */
export interface SweepTask {
  /** "dialects[dialect=3]" */
  label: string;
  name: string;
  /** What lists gave: { dialect: 3 }. */
  values: JsonObject;
  kind: 'generator' | 'file';
  /** Which generator, or which type. */
  definition: string;
  parameters: JsonObject;
  /** Parameters that name a file → its absolute path. */
  files: Record<string, string>;
}

/** A file that a sweep names, and where it names it. */
export interface FileUse {
  path: string;
  written: string;
  absolute: string;
  span: Span;
}

/** All tasks, by name, then in the order of their lists. */
export function readTasks(section: Located, vocabulary: Vocabulary, report: Reporter) {
  const tasks: SweepTask[] = [];
  const files: FileUse[] = [];
  for (const { name, entry, path } of entriesByName(section, 'tasks', report)) {
    const registries = {
      generator: Object.keys(taskRegistry(vocabulary, 'generator')),
      type: Object.keys(taskRegistry(vocabulary, 'type')),
    };
    for (const found of readDefinition(entry, path, 'task', registries, report)) {
      const key: TaskKey = found.key === 'generator' ? 'generator' : 'type';
      for (const variant of expandEntry(taskSchema(vocabulary, key, found.name), found.entry, path, report)) {
        const { [key]: _, ...parameters } = variant.parameters;
        const values = { ...found.values, ...variant.values };
        const absolute: Record<string, string> = {};
        for (const [field, scalar] of Object.entries(variant.files)) {
          const written = String(scalar.value);
          absolute[field] = resolve(scalar.span.source.folder, written);
          files.push({ path: `${path}.${field}`, written, absolute: absolute[field], span: scalar.span });
        }
        const kind = key === 'generator' ? 'generator' : 'file';
        tasks.push({
          label: labelOf(name, values),
          name,
          values,
          kind,
          definition: found.name,
          parameters,
          files: absolute,
        });
      }
    }
  }
  return { tasks, files };
}
