/** @file A sweep file, with the methods and tasks that its user brings along. */
import { loadSweepFile, type LoadedSweep, type SweepMethod } from '../spec/index.js';
import type { ModuleUse } from '../spec/modules.js';
import type { Vocabulary } from '../spec/vocabulary.js';
import { bundleModule } from './modules/bundle.js';
import { broughtName, useModule, type Brought } from './modules/use.js';
import { vocabulary } from './vocabulary.js';

interface Loaded {
  readonly brought: Brought;
  readonly digest: string;
  readonly absolute: string;
}

/**
 * Reads and checks a sweep file. Modules that it names are bundled and registered in this process; in the sweep they
 * stand under names that end in their digest.
 * @throws SweepFileError with every mistake
 */
export async function loadSweep(file: string, sets: readonly string[]): Promise<LoadedSweep> {
  const loaded = new Map<string, Loaded>();
  const bring = async (known: Vocabulary, { written, absolute }: ModuleUse): Promise<Vocabulary> => {
    const bundle = await bundleModule(absolute);
    const brought = useModule(bundle, absolute);
    loaded.set(written, { brought, digest: bundle.digest, absolute });
    return withBrought(known, written, brought);
  };
  const sweep = await loadSweepFile(file, { vocabulary, sets: [...sets], bring });
  if (loaded.size === 0) return sweep;
  const renamed = (name: string): string => {
    const own = loaded.get(name);
    return own === undefined ? name : broughtName(own.brought.name, own.digest);
  };
  const method = (chosen: SweepMethod): SweepMethod => {
    const own = loaded.get(chosen.name);
    if (own === undefined) return chosen;
    return {
      ...chosen,
      name: renamed(chosen.name),
      label: own.brought.name + chosen.label.slice(chosen.name.length),
    };
  };
  return {
    ...sweep,
    tasks: sweep.tasks.map((task) => ({ ...task, definition: renamed(task.definition) })),
    methods: sweep.methods.map(method),
    controls: sweep.controls.map(method),
    modules: Object.fromEntries([...loaded.values()].map(({ digest, absolute }) => [digest, absolute])),
  };
}

function withBrought(known: Vocabulary, written: string, brought: Brought): Vocabulary {
  const parameters = { [written]: brought.parameters };
  if ('role' in brought) {
    return brought.role === 'method'
      ? { ...known, methods: { ...known.methods, ...parameters } }
      : {
          ...known,
          controls: { ...known.controls, ...parameters },
          // What a user brings is asked for by name, and is none of the standard controls.
          standard: { ...known.standard, [written]: [] },
        };
  }
  return brought.files.length === 0
    ? { ...known, generators: { ...known.generators, ...parameters } }
    : { ...known, fileTasks: { ...known.fileTasks, ...parameters } };
}
