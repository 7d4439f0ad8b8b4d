/** @file Users' own methods and tasks in the store: whoever computes a stage finds there what its names stand for. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../base/errors.js';
import { bundleModule } from '../plan/modules/bundle.js';
import { useModule } from '../plan/modules/use.js';
import type { Stage } from '../plan/stage.js';
import type { Store } from '../store/store.js';
import { publishOnce } from './publish.js';

const file = 'module.cjs';

/** Makes the stage's modules known to this process. */
export async function useModulesOf(store: Store, { modules = [] }: Pick<Stage, 'modules'>): Promise<void> {
  for (const digest of modules) {
    const artifact = await store.read({ kind: 'module', key: digest });
    useModule({ digest, code: await readFile(artifact.path(file), 'utf8') }, artifact.manifest.title);
  }
}

/**
 * Bundles a sweep's modules once more where the plan is made, and publishes them under their digests.
 * @param modules digest, as the command saw it → absolute path
 * @throws UserError where a file is another one by now
 */
export async function publishModules(
  store: Store,
  modules: Readonly<Record<string, string>>,
  worker: string,
): Promise<void> {
  for (const [digest, path] of Object.entries(modules)) {
    const bundle = await bundleModule(path);
    if (bundle.digest !== digest)
      throw new UserError(`${path} was changed after the sweep was started; start it again.`);
    useModule(bundle, path);
    await publishOnce(store, { kind: 'module', key: digest }, worker, { title: path }, (folder) =>
      writeFile(join(folder, file), bundle.code),
    );
  }
}
