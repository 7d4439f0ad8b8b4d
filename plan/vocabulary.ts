/** @file What a sweep file can name: every method, control, task and architecture there is. */
import { tasks } from '../datasets/tasks.js';
import { controls, methods } from '../methods/definition/registry.js';
import { architectures } from '../models/architectures.js';
import type { Vocabulary } from '../spec/vocabulary.js';

type Parameters = Vocabulary['methods'][string];

function parametersOf(
  entries: Readonly<Record<string, { parameters: Parameters }>>,
): Record<string, Parameters> {
  return Object.fromEntries(Object.entries(entries).map(([name, { parameters }]) => [name, parameters]));
}

const overFiles = Object.fromEntries(Object.entries(tasks).filter(([, task]) => task.files.length > 0));
const generated = Object.fromEntries(Object.entries(tasks).filter(([, task]) => task.files.length === 0));

export const vocabulary: Vocabulary = {
  methods: parametersOf(methods),
  controls: parametersOf(controls),
  standard: Object.fromEntries(
    Object.values(controls).flatMap(({ name, standard }) =>
      standard === undefined ? [] : [[name, standard]],
    ),
  ),
  generators: parametersOf(generated),
  fileTasks: parametersOf(overFiles),
  architectures,
};
